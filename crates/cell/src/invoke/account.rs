//! Where the processor time of calls is counted.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tombolo_engine::{Metered, metered};

use crate::observe::Counters;

/// A function's counters on one worker thread.
pub(super) struct Account {
    pub(super) counters: Arc<[Counters]>,
    pub(super) worker: usize,
}

impl Account {
    /// Runs a call into a guest and counts its processor time, also when it is given up on the way.
    pub(super) async fn charge<F: Future>(self, call: F) -> F::Output {
        let mut charge = Charge { call: pin!(metered(call)), account: self };
        poll_fn(|cx| charge.call.as_mut().poll(cx)).await
    }
}

struct Charge<'a, F> {
    call: Pin<&'a mut Metered<F>>,
    account: Account,
}

impl<F> Drop for Charge<'_, F> {
    fn drop(&mut self) {
        let used_ns = u64::try_from(self.call.used().as_nanos()).unwrap_or(u64::MAX);
        self.account.counters[self.account.worker].cpu_ns.fetch_add(used_ns, Relaxed);
    }
}
