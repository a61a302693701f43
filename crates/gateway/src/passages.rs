//! The ways to the cells.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::UnixStream;
use tombolo_listen::Passage;

/// How often, and after what pause, a cell is tried that has not accepted the connections before.
const CONNECT_TRIES: u32 = 500;
const CONNECT_PAUSE: Duration = Duration::from_millis(2);

/// The passages to all cells, by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passages(Arc<ArcSwap<BTreeMap<u64, Arc<Passage>>>>);

impl Passages {
    pub(crate) fn add(&self, cell: u64, passage: Passage) {
        let mut all = BTreeMap::clone(&self.0.load());
        all.insert(cell, Arc::new(passage));
        self.0.store(Arc::new(all));
    }

    pub(crate) fn keep(&self, is_kept: impl Fn(u64) -> bool) {
        let mut all = BTreeMap::clone(&self.0.load());
        all.retain(|cell, _| is_kept(*cell));
        self.0.store(Arc::new(all));
    }

    /// A connection to a cell; one that has many to accept is given time for it.
    pub(crate) async fn connect(&self, cell: u64) -> io::Result<UnixStream> {
        let passage = self.0.load().get(&cell).map(Arc::clone).ok_or(io::ErrorKind::NotFound)?;
        for _ in 0..CONNECT_TRIES {
            match passage.connect() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                connected => return UnixStream::from_std(connected?),
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}
