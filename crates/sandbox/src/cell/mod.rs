//! A cell in the foreground: the process that runs the guest, and the front process that only waits for it.
//!
//! ```text
//! front: clone ─ wait ─────────────────────────── end, stop, go on ──── die as the cell died
//!          │                                          │
//! cell:    └─ open, load ─ lock_down ─ guest ─ exit code, or signal, or crash
//! ```

mod clone;
mod ending;
mod entered;
mod front;
mod libc_tid;
mod net;
mod signals;

use std::time::Duration;

pub use ending::{Ending, die_of_signal};
pub use entered::Entered;

use crate::SandboxError;
use crate::walls::Walls;

/// How to start a cell.
#[derive(Clone, Debug, Default)]
pub struct CellPlan {
    /// True if a grant needs the network; otherwise the cell gets an empty network namespace.
    pub network: bool,
    /// Backstop: the cell is killed when it lives longer than this. The cell's own limit should be shorter.
    pub deadline: Option<Duration>,
    /// Which namespaces to make; all of them outside test builds.
    #[doc(hidden)]
    pub walls: Walls,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body returned this code.
    Exited(u8),
    /// The cell was ended by this signal, which nobody asked for: a crash, the kernel out of memory, or a system
    /// call so hostile that seccomp kills for it (`SIGSYS`).
    Signaled(i32),
    /// The plan's deadline passed and the cell was killed.
    DeadlineExceeded,
    /// The front was told to end by this signal, or the cell asked for it ([`Ending::by_signal`]); the cell is
    /// gone. The caller finishes what it has to say and calls [`die_of_signal`].
    Interrupted(i32),
}

/// Runs `body` in a process of its own, in new namespaces as far as the kernel allows, and waits for its end.
///
/// Start it early: the cell is the same user and can open and load everything itself before it locks down, a small
/// process is cloned faster, and the network namespace is made while the cell works.
///
/// The caller must be single threaded. What `body` holds is inherited by the cell and dropped here as soon as the
/// cell runs: a guard whose drop has an effect outside, such as a temporary folder, stays outside of `body`. A
/// panic in `body` ends the cell by `SIGABRT`.
///
/// While this waits, it takes `SIGHUP`, `SIGINT`, `SIGQUIT`, `SIGTERM`, `SIGUSR1`, `SIGUSR2` and `SIGALRM` (those
/// with their default action) for the cell, and stops and continues together with it. A front that is killed takes
/// the cell along.
pub fn run_in_cell(plan: &CellPlan, body: impl FnOnce(Entered) -> u8) -> Result<Verdict, SandboxError> {
    front::run(plan, body)
}
