//! Places for connections. One is always kept free: when all are taken, the connection that has waited longest for its
//! client is asked to leave, so that nobody keeps others out by connections on which nothing is asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How long one that was asked may take to leave before the next one is asked: it may be in the middle of an answer.
const LEAVE_TIME: Duration = Duration::from_millis(100);

/// A number of places.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    waiting: Arc<Mutex<Waiting>>,
    count: u32,
}

/// Connections on which no request is being answered, in the order in which they began to wait.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    since: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    waiting: Arc<Mutex<Waiting>>,
    leave: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When it began to wait, while it does.
    since: Option<u64>,
    requests: u32,
}

impl Places {
    pub(crate) fn new(count: u32) -> Places {
        Places { free: Arc::new(Semaphore::new(count as usize)), waiting: Arc::default(), count }
    }

    /// A place, sooner or later.
    pub(crate) async fn take(&self) -> Option<Place> {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            let longest = lock(&self.waiting).since.pop_first();
            longest.inspect(|(_, leave)| leave.notify_one());
            let freed = tokio::time::timeout(LEAVE_TIME, Arc::clone(&self.free).acquire_owned()).await;
            if let Ok(permit) = freed {
                break permit.ok()?;
            }
        };
        let leave = Arc::new(Notify::new());
        let since = Some(lock(&self.waiting).add(&leave));
        let state = Mutex::new(State { since, requests: 0 });
        Some(Place { _permit: permit, waiting: Arc::clone(&self.waiting), leave, state })
    }

    /// Waits until no place is taken.
    pub(crate) async fn empty(&self) {
        // The semaphore is never closed.
        let _ = self.free.acquire_many(self.count).await;
    }
}

impl Waiting {
    fn add(&mut self, leave: &Arc<Notify>) -> u64 {
        self.next += 1;
        self.since.insert(self.next, Arc::clone(leave));
        self.next
    }
}

impl Place {
    /// Until the place is needed by another.
    pub(crate) async fn is_needed(&self) {
        self.leave.notified().await;
    }

    /// Begins to answer a request: the place is not asked for until what this gives is dropped.
    pub(crate) fn begin_request(&self) -> Busy<'_> {
        let mut state = lock(&self.state);
        state.requests += 1;
        state.since.take().and_then(|since| lock(&self.waiting).since.remove(&since));
        Busy(self)
    }
}

/// A request on a connection.
pub(crate) struct Busy<'p>(&'p Place);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.requests -= 1;
        if state.requests == 0 {
            state.since = Some(lock(&self.0.waiting).add(&self.0.leave));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let since = lock(&self.state).since;
        since.and_then(|since| lock(&self.waiting).since.remove(&since));
    }
}

/// What is behind these locks is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test);
    }

    /// Whether it is asked to leave, now.
    async fn is_asked(place: &Place) -> bool {
        tokio::select! {
            biased;
            () = place.is_needed() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[test]
    fn who_waits_longest_leaves_first_and_who_is_answered_stays() {
        run(async {
            let places = Places::new(3);
            let [answered, first, second] =
                [places.take().await, places.take().await, places.take().await].map(Option::unwrap);
            let busy = answered.begin_request();
            let newcomer = async { tokio::join!(places.take(), first.is_needed()) };
            // The first is asked, and stays; then the second is asked, and goes.
            let leaving = async {
                second.is_needed().await;
                drop(second);
            };
            let ((newcomer, ()), ()) = tokio::join!(newcomer, leaving);
            assert!(newcomer.is_some());
            drop(busy);
            assert!(!is_asked(&answered).await);
        });
    }

    #[test]
    fn who_was_answered_waits_anew() {
        run(async {
            let places = Places::new(2);
            let [first, second] = [places.take().await, places.take().await].map(Option::unwrap);
            drop(first.begin_request());
            let leaving = async {
                second.is_needed().await;
                drop(second);
            };
            assert!(tokio::join!(places.take(), leaving).0.is_some());
            assert!(!is_asked(&first).await);
        });
    }

    #[test]
    fn places_that_are_left_are_free() {
        run(async {
            let places = Places::new(1);
            for _ in 0..3 {
                drop(places.take().await);
            }
            places.empty().await;
            assert!(lock(&places.waiting).since.is_empty());
        });
    }
}
