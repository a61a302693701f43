//! Processor time of guests.
//!
//! A guest is charged for the slices of time in which its thread works for it: a slice is one poll of its future, or the
//! whole of a synchronous call. Host functions that the guest calls are part of its slices.
//!
//! # Precision
//! Asking the kernel for a thread's processor time costs a system call, so it is only done for slices that last:
//! - a slice below [`SHORT`] is charged with the time that passed, so a thread that loses its processor within one
//!   charges at most that much too much;
//! - a longer slice is charged with the processor time that its thread used, as far as it can fall into the slice.
//!
//! A limit is checked at each tick, so a guest overruns it by up to one tick and one host call.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Slices below this are charged by the clock on the wall.
const SHORT: Duration = Duration::from_micros(100);

thread_local! {
    /// The slice that this thread is in.
    static SLICE: Cell<Option<Slice>> = const { Cell::new(None) };
    /// This thread's processor time when it was last asked for.
    static LAST_READ: Cell<Option<Duration>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Slice {
    started: Instant,
    /// What the guest had used before.
    used_before: Duration,
}

impl Slice {
    /// What the guest has used when the slice has lasted for `lasted`.
    fn used(&self, lasted: Duration) -> Duration {
        let charged = match lasted < SHORT {
            true => lasted,
            false => since_last_read().min(lasted),
        };
        self.used_before.saturating_add(charged)
    }
}

/// Processor time that the guest running on this thread has used so far; `None` outside of metered calls.
pub(crate) fn used_now() -> Option<Duration> {
    SLICE.get().map(|slice| slice.used(slice.started.elapsed()))
}

/// Runs `call` as one slice on behalf of a guest that used `used_before`; returns what it has used then.
pub fn metered_call<R>(used_before: Duration, call: impl FnOnce() -> R) -> (R, Duration) {
    let slice = Slice { started: Instant::now(), used_before };
    if LAST_READ.get().is_none() {
        LAST_READ.set(Some(thread_time()));
    }
    let within = Within { outer: SLICE.replace(Some(slice)) };
    let result = call();
    drop(within);
    let lasted = slice.started.elapsed();
    let used = slice.used(lasted);
    if lasted >= SHORT {
        LAST_READ.set(Some(thread_time()));
    }
    (result, used)
}

/// Puts the outer slice back, also when the call panics.
struct Within {
    outer: Option<Slice>,
}

impl Drop for Within {
    fn drop(&mut self) {
        SLICE.set(self.outer);
    }
}

fn since_last_read() -> Duration {
    thread_time().saturating_sub(LAST_READ.get().unwrap_or_default())
}

fn thread_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}
