//! Whose turn it is on a worker: the line of those that would take more than their share of its time.
//!
//! Most guests are done before the first tick, and no function uses much more than the others: nobody waits then. Who
//! joins the line is
//! - a guest that computes, at each tick;
//! - a request for a function that lately used much more of the worker's time than the functions beside it.
//!
//! Between two turns the worker looks at its sockets and works on everything that is ready. So a request for a function
//! that uses little waits for one tick or one answer, however many guests compute and requests wait.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};
use tombolo_engine::Turn;

use crate::function::Function;
use crate::observe::Counters;

/// What was used counts half after this.
const WINDOW: Duration = Duration::from_millis(100);
/// A function that used less than this part of all is never asked to wait.
const PART_MIN: u64 = 10;

thread_local!(static LINE: Rc<Line> = Rc::default());
thread_local!(static IN_LINE: Cell<bool> = const { Cell::new(false) });

/// The guests and requests of this thread that wait for their turn, the first one first.
#[derive(Default)]
struct Line {
    waiting: RefCell<VecDeque<oneshot::Sender<()>>>,
    joined: Notify,
    ledger: Cell<Ledger>,
}

/// Joins the line; ends when the turn has come.
pub(crate) fn turn() -> Turn {
    let (give, given) = oneshot::channel();
    LINE.with(|line| {
        line.waiting.borrow_mut().push_back(give);
        line.joined.notify_one();
    });
    IN_LINE.set(true);
    Box::pin(async {
        let _ = given.await;
        IN_LINE.set(false);
    })
}

/// Polls a guest; `in_line` is kept true while it waits for a turn, and not for anything else.
pub(crate) fn watched<R>(in_line: &mut bool, poll: impl FnOnce() -> R) -> R {
    let outer = IN_LINE.replace(*in_line);
    let polled = poll();
    *in_line = IN_LINE.replace(outer);
    polled
}

/// Waits for a turn if the function whose share it is has used too much.
pub(crate) async fn fair(share: &Share) {
    if LINE.with(|line| line.ledger.get().finds_greedy(share)) {
        turn().await;
    }
}

/// Gives turns on this thread, one after the other.
pub(crate) async fn keep_giving() {
    let line = LINE.with(Rc::clone);
    loop {
        let next = line.waiting.borrow_mut().pop_front();
        let Some(next) = next else {
            line.joined.notified().await;
            continue;
        };
        // A guest that was given up in the meantime has no turn.
        if next.send(()).is_ok() {
            // Goes on after that turn, when the sockets were looked at and all that is ready has been worked on.
            tokio::task::yield_now().await;
        }
    }
}

/// A function's counters on one worker: to whom a guest's time is charged.
#[derive(Clone)]
pub(crate) struct Account {
    counters: Arc<[Counters]>,
    worker: usize,
}

impl Account {
    pub(crate) fn of(function: &Function, worker: usize) -> Account {
        Account { counters: Arc::clone(&function.counters), worker }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters[self.worker]
    }

    /// A guest of the function worked for `used`.
    pub(crate) fn charge(&self, used: Duration) {
        let used_ns = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        let counters = self.counters();
        counters.cpu_ns.fetch_add(used_ns, Relaxed);
        LINE.with(|line| {
            let mut ledger = line.ledger.get();
            ledger.roll(Instant::now());
            ledger.charge(&counters.share, used_ns);
            line.ledger.set(ledger);
        });
    }
}

/// What a function lately used of a worker's time. Written by that worker alone.
#[derive(Debug, Default)]
pub(crate) struct Share {
    window: AtomicU64,
    used_ns: AtomicU64,
}

impl Share {
    fn used_ns(&self, window: u64) -> u64 {
        let age = window.saturating_sub(self.window.load(Relaxed));
        self.used_ns.load(Relaxed).checked_shr(u32::try_from(age).unwrap_or(u32::MAX)).unwrap_or(0)
    }
}

/// What all functions of a worker lately used.
#[derive(Debug, Clone, Copy, Default)]
struct Ledger {
    window: u64,
    ends: Option<Instant>,
    used_ns: u64,
    /// Functions that used something in this window, and in the one before.
    active: u64,
    active_before: u64,
}

impl Ledger {
    /// Begins a new window when the time has come.
    fn roll(&mut self, now: Instant) {
        if self.ends.is_some_and(|ends| now < ends) {
            return;
        }
        // One window may be much longer than it should: who was idle for long begins anew.
        self.window += 1;
        self.ends = Some(now + WINDOW);
        self.used_ns /= 2;
        self.active_before = std::mem::take(&mut self.active);
    }

    fn charge(&mut self, share: &Share, used_ns: u64) {
        let before_ns = share.used_ns(self.window);
        self.active += u64::from(share.window.swap(self.window, Relaxed) != self.window);
        share.used_ns.store(before_ns.saturating_add(used_ns), Relaxed);
        self.used_ns = self.used_ns.saturating_add(used_ns);
    }

    /// Half as much again as the average, and no small part.
    fn finds_greedy(&self, share: &Share) -> bool {
        let used_ns = share.used_ns(self.window);
        let functions = self.active.max(self.active_before);
        let over_average =
            used_ns.saturating_mul(functions).saturating_mul(2) > self.used_ns.saturating_mul(3);
        functions > 1 && over_average && used_ns.saturating_mul(PART_MIN) > self.used_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shares after `used` was charged to each in every one of `windows` windows.
    fn shares(used: &[u64], windows: u64) -> (Ledger, Vec<Share>) {
        let (mut ledger, mut now) = (Ledger::default(), Instant::now());
        let shares: Vec<_> = used.iter().map(|_| Share::default()).collect();
        for _ in 0..windows {
            ledger.roll(now);
            shares
                .iter()
                .zip(used)
                .filter(|(_, used)| **used > 0)
                .for_each(|(share, used)| ledger.charge(share, *used));
            now += WINDOW;
        }
        (ledger, shares)
    }

    fn greedy(used: &[u64], windows: u64) -> Vec<bool> {
        let (ledger, shares) = shares(used, windows);
        shares.iter().map(|share| ledger.finds_greedy(share)).collect()
    }

    #[test]
    fn who_uses_much_more_than_the_others_is_greedy() {
        for windows in [1, 2, 20] {
            assert_eq!(greedy(&[10, 1000], windows), [false, true]);
            assert_eq!(greedy(&[400, 600], windows), [false, false], "not much more");
            assert_eq!(greedy(&[1000], windows), [false], "alone");
            assert_eq!(greedy(&[1000, 0], windows), [false, false], "alone beside one that is never called");
            assert_eq!(greedy(&[1000, 1000, 1000, 1], windows), [false, false, false, false]);
            assert_eq!(greedy(&[5, 1000, 1000, 5, 5], windows), [false, true, true, false, false]);
        }
        let many: Vec<_> = (0..1000).map(|n| 1 + n % 7).collect();
        assert!(greedy(&many, 3).iter().all(|greedy| !greedy), "small parts");
    }

    #[tokio::test]
    async fn sockets_are_looked_at_between_two_turns() {
        let local = tokio::task::LocalSet::new();
        let turns = Rc::new(Cell::new(0_u64));
        let (ours, theirs) = tokio::net::UnixStream::pair().expect("a socket");
        let began = Rc::new(Cell::new(None));
        local.spawn_local(keep_giving());
        for _ in 0..64 {
            let turns = Rc::clone(&turns);
            local.spawn_local(async move {
                loop {
                    turn().await;
                    turns.set(turns.get() + 1);
                }
            });
        }
        local.spawn_local({
            let (turns, began) = (Rc::clone(&turns), Rc::clone(&began));
            async move {
                while turns.get() < 1000 {
                    turn().await;
                }
                began.set(Some(turns.get()));
                ours.try_write(b"x").expect("room");
                std::future::pending::<()>().await;
            }
        });
        let waited = local.run_until(async {
            theirs.readable().await.expect("a request");
            turns.get() - began.get().expect("one was sent")
        });
        assert!(waited.await <= 2, "a request waited for {} turns", turns.get() - began.get().unwrap_or(0));
    }

    #[tokio::test]
    async fn who_gave_up_has_no_turn_and_stops_nobody() {
        let local = tokio::task::LocalSet::new();
        local.spawn_local(keep_giving());
        local
            .run_until(async {
                drop(turn());
                turn().await;
            })
            .await;
        assert!(LINE.with(|line| line.waiting.borrow().is_empty()));
    }

    #[test]
    fn greed_is_forgotten() {
        let (mut ledger, shares) = shares(&[10, 1000], 1);
        let mut now = Instant::now();
        for _ in 0..8 {
            now += WINDOW;
            ledger.roll(now);
            shares.iter().for_each(|share| ledger.charge(share, 10));
        }
        assert!(!ledger.finds_greedy(&shares[1]));
    }
}
