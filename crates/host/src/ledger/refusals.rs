//! The list of different refusals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tombolo_spec::one_line;

use super::{Refusal, RefusalSink, Refused};

/// Different refusals that are kept for one function.
pub const REFUSALS_MAX: usize = 256;
/// Longer requests are cut: a guest chooses their length, and what stands in them.
const REQUEST_CHARS_MAX: usize = 256;
/// Longer reasons are cut: they name what a guest asked for.
const REASON_CHARS_MAX: usize = 512;
/// A longer grant is not proposed: cut it would be another one.
const REMEDY_BYTES_MAX: usize = 1024;

pub(super) struct Refusals {
    list: Mutex<Vec<Refusal>>,
    dropped: AtomicU64,
    sink: Option<Arc<dyn RefusalSink>>,
}

impl Refusals {
    pub(super) fn new(sink: Option<Arc<dyn RefusalSink>>) -> Refusals {
        Refusals { list: Mutex::default(), dropped: AtomicU64::new(0), sink }
    }

    /// Counts an equal refusal up, or adds a new one while there is room.
    pub(super) fn record(&self, function: &str, refused: Refused<'_>) {
        let request = one_line(refused.request, REQUEST_CHARS_MAX);
        let why = one_line(&refused.reason.to_string(), REASON_CHARS_MAX);
        let news = {
            let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            match list.iter().position(|known| known.request == request && known.reason == why) {
                Some(known) => count_up(&mut list[known]),
                None if list.len() == REFUSALS_MAX => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    None
                }
                None => {
                    let refusal = Refusal {
                        first: SystemTime::now(),
                        function: function.to_owned(),
                        request_id: super::current().map(|caller| caller.request),
                        request,
                        grant: refused.near.map(|grant| grant.text().to_owned()),
                        remedy: refused.remedy.filter(|grant| grant.len() <= REMEDY_BYTES_MAX),
                        reason: why,
                        count: 1,
                    };
                    list.push(refusal.clone());
                    Some(refusal)
                }
            }
        };
        // Outside the lock: the sink may be slow.
        if let (Some(sink), Some(news)) = (&self.sink, news) {
            sink.refused(&news);
        }
    }

    /// The list and how many refusals found no place in it.
    pub(super) fn snapshot(&self) -> (Vec<Refusal>, u64) {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (list, self.dropped.load(Ordering::Relaxed))
    }
}

/// Counts one more; the refusal itself when that is news.
fn count_up(known: &mut Refusal) -> Option<Refusal> {
    known.count += 1;
    known.count.is_power_of_two().then(|| known.clone())
}
