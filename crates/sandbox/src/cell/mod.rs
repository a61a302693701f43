//! A cell in the foreground: the process that runs the guest, and the front process that only waits for it.

mod ending;
mod entered;
mod front;

use std::time::Duration;

pub use ending::{Ending, die_of_signal};
pub use entered::Entered;

use crate::SandboxError;

/// How to start a cell.
#[derive(Clone, Debug, Default)]
pub struct CellPlan {
    /// True if a grant needs the network; otherwise the cell gets an empty network namespace.
    pub network: bool,
    /// Backstop: the cell is killed when it lives longer than this. The cell's own limit should be shorter.
    pub deadline: Option<Duration>,
}

/// How a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The body returned this code.
    Exited(u8),
    /// The cell was ended by this signal that nobody asked for: a crash, or the kernel's refusal.
    Signaled(i32),
    /// The plan's deadline passed and the cell was killed.
    DeadlineExceeded,
    /// The front was told to end by this signal, or the cell asked for it ([`Ending::by_signal`]); the cell is
    /// gone. The caller finishes what it has to say and calls [`die_of_signal`].
    Interrupted(i32),
}

/// Runs `body` in a process of its own, in new namespaces as far as the kernel allows, and waits for its end.
///
/// The caller must be single threaded. Everything the cell needs is opened or built by the caller before; the cell
/// inherits it. A panic in `body` ends the cell by `SIGABRT`.
pub fn run_in_cell(plan: &CellPlan, body: impl FnOnce(Entered) -> u8) -> Result<Verdict, SandboxError> {
    front::run(plan, body)
}
