//! What an act is, and what can come of it.

use std::io;

use tombolo_sandbox::{Layer, Policy};

use crate::stage::Stage;

/// Something an attacker in a cell would do.
pub(crate) struct Act {
    pub(crate) name: &'static str,
    /// True if only root can do it even without walls.
    pub(crate) root_only: bool,
    pub(crate) policy: fn(&Stage) -> Policy<'_>,
    pub(crate) run: fn(&Stage) -> io::Result<()>,
    /// Each wall that stops it alone, and what it looks like then.
    pub(crate) refused_by: &'static [(Layer, Outcome)],
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused(i32),
    Killed(i32),
}

pub(crate) const NO_ACCESS: Outcome = Outcome::Refused(libc::EACCES);
pub(crate) const NOT_PERMITTED: Outcome = Outcome::Refused(libc::EPERM);
pub(crate) const NO_SUCH_PROCESS: Outcome = Outcome::Refused(libc::ESRCH);
pub(crate) const OTHER_TREE: Outcome = Outcome::Refused(libc::EXDEV);
pub(crate) const SIGSYS: Outcome = Outcome::Killed(libc::SIGSYS);

impl Act {
    pub(crate) const fn new(name: &'static str, run: fn(&Stage) -> io::Result<()>) -> Self {
        Act { name, root_only: false, policy: nothing, run, refused_by: &[] }
    }

    pub(crate) const fn under(self, policy: fn(&Stage) -> Policy<'_>) -> Self {
        Act { policy, ..self }
    }

    pub(crate) const fn by_root(self) -> Self {
        Act { root_only: true, ..self }
    }

    pub(crate) const fn refused_by(self, refused_by: &'static [(Layer, Outcome)]) -> Self {
        Act { refused_by, ..self }
    }
}

/// No grants at all.
pub(crate) fn nothing(_: &Stage) -> Policy<'_> {
    Policy::default()
}

/// A system call.
pub(crate) fn call<const N: usize>(number: libc::c_long, arguments: [usize; N]) -> io::Result<i64> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: the acts pass valid pointers with the lengths that their calls want.
    let result = unsafe { libc::syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
