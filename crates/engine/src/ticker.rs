//! The clock that interrupts guests: one thread, which runs only while guests run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::engine::Engine;

/// Time between two ticks.
pub const TICK: Duration = Duration::from_millis(1);

/// Advances the epoch of engines while at least one [`TickerGuard`] lives.
#[derive(Clone)]
pub struct Ticker {
    shared: Arc<Shared>,
}

struct Shared {
    engine: wasmtime::EngineWeak,
    running: AtomicUsize,
}

/// Keeps a ticker running.
pub struct TickerGuard {
    shared: Arc<Shared>,
}

impl Ticker {
    /// A ticker for `engine`. No thread is started yet.
    pub fn new(engine: &Engine) -> Ticker {
        Ticker { shared: Arc::new(Shared { engine: engine.raw().weak(), running: AtomicUsize::new(0) }) }
    }

    /// Runs the ticker for as long as the guard lives.
    pub fn guard(&self) -> TickerGuard {
        if self.shared.running.fetch_add(1, Ordering::AcqRel) == 0 {
            let shared = self.shared.clone();
            std::thread::spawn(move || tick(&shared));
        }
        TickerGuard { shared: self.shared.clone() }
    }
}

impl Drop for TickerGuard {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, Ordering::AcqRel);
    }
}

fn tick(shared: &Shared) {
    while shared.running.load(Ordering::Acquire) > 0 {
        std::thread::sleep(TICK);
        match shared.engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}
