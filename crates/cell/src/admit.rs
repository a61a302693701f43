//! Admission: who may start an instance now, who waits, and who is sent away.
//!
//! A request needs a place in its function and a place in the cell. It waits for both in its function's queue,
//! which is bounded in length and in time. No queue is shared between functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tombolo_engine::{MemoryShare, SharedMemory};

use crate::refusal::Shortage;

/// The door of one function.
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    concurrency: usize,
    queue: usize,
    queue_time: Duration,
    waiting: AtomicUsize,
    memory: Arc<SharedMemory>,
}

/// The cell's own door, behind those of its functions.
pub(crate) struct Cell {
    instances: Arc<Semaphore>,
    instances_max: usize,
    memory: Arc<SharedMemory>,
}

/// The right to run one instance; leaving is dropping it.
pub(crate) struct Pass {
    _function: OwnedSemaphorePermit,
    _instance: OwnedSemaphorePermit,
    memory: Option<MemoryShare>,
}

impl Pass {
    /// The memory that the instance begins with, once: for its budget, which gives it back with the instance.
    pub(crate) fn take_memory(&mut self) -> Option<MemoryShare> {
        self.memory.take()
    }
}

impl Gate {
    /// A door in `cell` for `concurrency` instances at once and `queue` requests that wait at most `queue_time`.
    pub(crate) fn new(cell: &Cell, concurrency: usize, queue: usize, queue_time: Duration) -> Gate {
        let concurrency = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(concurrency));
        let memory = cell.memory.part();
        Gate { places, concurrency, queue, queue_time, waiting: AtomicUsize::new(0), memory }
    }

    /// Waits for a place in the function and in the cell, and takes `memory_bytes` of the cell's memory.
    pub(crate) async fn enter(&self, cell: &Arc<Cell>, memory_bytes: u64) -> Result<Pass, Shortage> {
        let memory = self.memory.share(memory_bytes).ok_or(Shortage::Memory)?;
        let (function, instance) = match self.enter_now(cell) {
            Some(places) => places,
            None => self.wait(cell).await?,
        };
        Ok(Pass { _function: function, _instance: instance, memory: Some(memory) })
    }

    /// Requests that wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Instances that run now.
    pub(crate) fn running(&self) -> usize {
        self.concurrency - self.places.available_permits()
    }

    /// Bytes of guest memory that the function's running instances have taken.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.used_bytes()
    }

    fn enter_now(&self, cell: &Cell) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let function = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let instance = Arc::clone(&cell.instances).try_acquire_owned().ok()?;
        Some((function, instance))
    }

    async fn wait(&self, cell: &Cell) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Shortage> {
        let _waiting = Waiting::join(&self.waiting, self.queue).ok_or(Shortage::Queue)?;
        let both = async {
            let function = Arc::clone(&self.places).acquire_owned().await.ok()?;
            let instance = Arc::clone(&cell.instances).acquire_owned().await.ok()?;
            Some((function, instance))
        };
        match tokio::time::timeout(self.queue_time, both).await {
            Ok(Some(places)) => Ok(places),
            Ok(None) => Err(Shortage::Instances),
            Err(_) => Err(Shortage::QueueTime),
        }
    }
}

impl Cell {
    /// A cell for `instances` at once that together hold at most `memory_bytes`.
    pub(crate) fn new(instances: usize, memory_bytes: u64) -> Arc<Cell> {
        let instances_max = instances.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Cell {
            instances: Arc::new(Semaphore::new(instances_max)),
            instances_max,
            memory: SharedMemory::new(memory_bytes),
        })
    }

    /// Instances that run now, and how many can.
    pub(crate) fn instances(&self) -> (usize, usize) {
        (self.instances_max - self.instances.available_permits(), self.instances_max)
    }

    /// Bytes of guest memory that running instances have taken, and how many they may.
    pub(crate) fn memory_bytes(&self) -> (u64, u64) {
        (self.memory.used_bytes(), self.memory.bytes_max())
    }
}

/// A place in a queue, given up on drop, also when the client goes away while it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize, limit: usize) -> Option<Waiting<'a>> {
        let waiting = Waiting(count);
        (count.fetch_add(1, Relaxed) < limit).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cell() -> Arc<Cell> {
        Cell::new(8, 1000)
    }

    #[tokio::test]
    async fn a_place_is_free_again_when_its_holder_leaves() {
        let cell = cell();
        let gate = Gate::new(&cell, 1, 0, SECOND);
        let first = gate.enter(&cell, 1).await.expect("a free place");
        assert_eq!(gate.enter(&cell, 1).await.err(), Some(Shortage::Queue));
        assert_eq!((gate.running(), cell.instances().0), (1, 1));
        drop(first);
        assert!(gate.enter(&cell, 1).await.is_ok());
        assert_eq!(cell.memory_bytes().0, 0);
    }

    #[tokio::test]
    async fn a_queue_is_bounded_in_length_and_in_time() {
        let cell = cell();
        let gate = Gate::new(&cell, 1, 1, Duration::from_millis(1));
        let _inside = gate.enter(&cell, 1).await.expect("a free place");
        let (queued, sent_away) = tokio::join!(gate.enter(&cell, 1), gate.enter(&cell, 1));
        assert_eq!(queued.err(), Some(Shortage::QueueTime));
        assert_eq!(sent_away.err(), Some(Shortage::Queue));
        assert_eq!(gate.waiting(), 0);
    }

    #[tokio::test]
    async fn who_waits_is_let_in_by_who_leaves() {
        let cell = cell();
        let gate = Gate::new(&cell, 1, 1, SECOND);
        let inside = gate.enter(&cell, 1).await.expect("a free place");
        let (waited, ()) = tokio::join!(gate.enter(&cell, 1), async { drop(inside) });
        assert!(waited.is_ok());
    }

    #[tokio::test]
    async fn memory_over_the_cells_budget_is_refused_and_not_taken() {
        let cell = cell();
        let gate = Gate::new(&cell, 8, 8, SECOND);
        let _inside = gate.enter(&cell, 900).await.expect("room");
        assert_eq!(gate.enter(&cell, 101).await.err(), Some(Shortage::Memory));
        assert_eq!(cell.memory_bytes().0, 900);
        assert!(gate.enter(&cell, 100).await.is_ok());
    }

    #[tokio::test]
    async fn a_full_cell_makes_every_function_wait() {
        let cell = Cell::new(1, 1000);
        let (one, other) = (Gate::new(&cell, 8, 8, SECOND), Gate::new(&cell, 8, 0, SECOND));
        let _inside = one.enter(&cell, 1).await.expect("room");
        assert_eq!(other.enter(&cell, 1).await.err(), Some(Shortage::Queue));
    }
}
