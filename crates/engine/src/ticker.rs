//! The clock that interrupts guests: one thread of the process, awake only while guests run.
//!
//! ```text
//!            first guard            last guard dropped, LINGER ticks later
//!  no thread ───────────▶ ticking ──────────────────────────────────────────▶ parked
//!                            ▲                      next guard                  │
//!                            └──────────────────────────────────────────────────┘
//! ```
//!
//! A guard costs one atomic addition while the thread ticks. The thread lingers, so that a steady flow of short
//! calls does not wake it for each of them; an idle process has no timer.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

use crate::engine::Engine;

/// Time between two ticks.
const TICK: Duration = Duration::from_millis(1);
/// Time between two ticks while guests compute: a request that comes then waits no longer before it is looked at.
const FINE_TICK: Duration = Duration::from_micros(250);

/// Fine ticks after the last one that found a guest computing.
const FINE_TICKS: u32 = 20;
/// Long ticks without a guest after which the thread parks.
const LINGER: u32 = 50;
/// The thread calls nothing deep.
const STACK_BYTES: usize = 64 * 1024;

static CLOCK: Clock = Clock {
    guests: AtomicUsize::new(0),
    parked: AtomicBool::new(false),
    interrupted: AtomicBool::new(false),
    thread: OnceLock::new(),
    starting: Mutex::new(()),
    engines: Mutex::new(Vec::new()),
    idle: OnceLock::new(),
};

struct Clock {
    /// Guards that live.
    guests: AtomicUsize,
    /// Set by the thread before it parks, cleared by whoever wakes it.
    parked: AtomicBool,
    /// A guest was interrupted since the last tick.
    interrupted: AtomicBool,
    thread: OnceLock<Thread>,
    /// Held while the thread is started.
    starting: Mutex<()>,
    engines: Mutex<Vec<EngineWeak>>,
    /// What is done when no guest has run for a while.
    idle: OnceLock<fn()>,
}

/// Advances the epochs of an engine while at least one [`TickerGuard`] of the process lives.
#[derive(Clone)]
pub struct Ticker {
    /// Whether the engine's code looks at the clock at all.
    needed: bool,
}

/// Keeps the clock running.
pub struct TickerGuard {
    counted: bool,
}

impl Ticker {
    /// Puts `engine` under the process' clock. No thread is started yet, nor ever for an engine whose code is not
    /// interruptible.
    pub fn new(engine: &Engine) -> Ticker {
        if !engine.options().interruptible {
            return Ticker { needed: false };
        }
        let mut engines = lock(&CLOCK.engines);
        engines.retain(|engine| engine.upgrade().is_some());
        engines.push(engine.raw().weak());
        Ticker { needed: true }
    }

    /// Runs the clock for as long as the guard lives. The first guard of a process starts the thread.
    ///
    /// # Errors
    /// The operating system's, when it refuses the thread. Guests then cannot be interrupted.
    pub fn guard(&self) -> io::Result<TickerGuard> {
        if !self.needed {
            return Ok(TickerGuard { counted: false });
        }
        let thread = CLOCK.thread()?;
        CLOCK.guests.fetch_add(1, SeqCst);
        // Either this load sees that the thread is about to park, or the thread sees the guest: both sides write
        // first and read then, in one total order.
        if CLOCK.parked.load(SeqCst) && CLOCK.parked.swap(false, SeqCst) {
            thread.unpark();
        }
        Ok(TickerGuard { counted: true })
    }
}

impl Drop for TickerGuard {
    fn drop(&mut self) {
        if self.counted {
            CLOCK.guests.fetch_sub(1, SeqCst);
        }
    }
}

/// Calls `task` whenever no guest has run for [`LINGER`] ticks, on the clock's thread. The first one stays.
pub fn when_idle(task: fn()) {
    CLOCK.idle.get_or_init(|| task);
}

/// A tick found a guest computing: the next ones come faster.
pub(crate) fn interrupted() {
    CLOCK.interrupted.store(true, Relaxed);
}

impl Clock {
    fn thread(&'static self) -> io::Result<&'static Thread> {
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let _starting = lock(&self.starting);
        if let Some(thread) = self.thread.get() {
            return Ok(thread);
        }
        let builder = thread::Builder::new().name("tombolo-ticker".to_owned()).stack_size(STACK_BYTES);
        let started = builder.spawn(|| self.run())?;
        Ok(self.thread.get_or_init(|| started.thread().clone()))
    }

    fn run(&self) {
        let (mut idle, mut fine) = (0, 0);
        loop {
            fine =
                if self.interrupted.swap(false, Relaxed) { FINE_TICKS } else { u32::saturating_sub(fine, 1) };
            thread::sleep(if fine > 0 { FINE_TICK } else { TICK });
            self.tick();
            idle = if self.guests.load(SeqCst) > 0 { 0 } else { idle + 1 };
            if idle > LINGER {
                self.idle.get().inspect(|task| task());
                self.park();
                idle = 0;
            }
        }
    }

    fn tick(&self) {
        for engine in lock(&self.engines).iter().filter_map(EngineWeak::upgrade) {
            engine.increment_epoch();
        }
    }

    fn park(&self) {
        self.parked.store(true, SeqCst);
        while self.guests.load(SeqCst) == 0 && self.parked.load(SeqCst) {
            thread::park();
        }
        self.parked.store(false, SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
