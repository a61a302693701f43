//! A child program with bounded resources, for work on hostile input such as compiling.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

use crate::Cgroup;

/// Bounds of a child; `None` leaves what the caller has. A bound above the caller's own hard limit means that limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rlimits {
    /// Bytes of address space (`RLIMIT_AS`).
    pub address_space: Option<u64>,
    /// Seconds of processor time (`RLIMIT_CPU`); the child ends by `SIGKILL` at the second after.
    pub cpu_seconds: Option<u64>,
    /// Bytes of the largest file it may write (`RLIMIT_FSIZE`).
    pub file_size: Option<u64>,
    /// One more than the highest descriptor it may hold (`RLIMIT_NOFILE`).
    pub open_files: Option<u64>,
}

/// Starts `command` with these bounds, no core file, no way to new privileges, and no descriptor but its stdin,
/// stdout and stderr. It stays in the process group, so Ctrl-C reaches it.
///
/// The child is killed when the thread that called this ends: call it from one that lives until the child has been
/// waited for. A limit on its wall time is the caller's to keep, with `Child::kill`.
pub fn spawn_limited(mut command: Command, limits: &Rlimits) -> io::Result<Child> {
    let (limits, parent) = (*limits, getpid());
    // SAFETY: between fork and exec the closure makes system calls and nothing else: no allocation, no lock.
    unsafe { command.pre_exec(move || confine(&limits, parent).map_err(io::Error::from)) };
    command.spawn()
}

/// As [`spawn_limited`]; the child is in this group from its first instruction on, and so is whatever it starts.
pub fn spawn_in_cgroup(mut command: Command, limits: &Rlimits, cgroup: &Cgroup) -> io::Result<Child> {
    let processes = cgroup.processes().try_clone_to_owned()?;
    // SAFETY: as above; the descriptor lives as long as the closure.
    unsafe { command.pre_exec(move || Ok(rustix::io::write(&processes, b"0").map(drop)?)) };
    spawn_limited(command, limits)
}

fn confine(limits: &Rlimits, parent: Pid) -> Result<(), Errno> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        // The parent has ended before it could be asked to take this process along.
        return Err(Errno::SRCH);
    }
    set_no_new_privs(true)?;
    bound(Resource::Core, Some(0))?;
    bound(Resource::Fsize, limits.file_size)?;
    bound(Resource::Nofile, limits.open_files)?;
    bound(Resource::As, limits.address_space)?;
    bound_cpu(limits.cpu_seconds)?;
    close_on_exec()
}

fn bound(resource: Resource, limit: Option<u64>) -> Result<(), Errno> {
    let Some(limit) = limit else { return Ok(()) };
    let limit = getrlimit(resource).maximum.map_or(limit, |hard| hard.min(limit));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
}

/// At the soft limit comes a signal that can be handled, at the hard one the end.
fn bound_cpu(seconds: Option<u64>) -> Result<(), Errno> {
    let Some(seconds) = seconds else { return Ok(()) };
    let hard = getrlimit(Resource::Cpu).maximum.map_or(u64::MAX, |hard| hard).min(seconds.saturating_add(1));
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds.min(hard)), maximum: Some(hard) })
}

/// Everything but the standard three closes at exec; until then `Command` needs a descriptor of its own.
fn close_on_exec() -> Result<(), Errno> {
    // SAFETY: the flag is set, nothing is closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match result {
        0 => Ok(()),
        // Kernels before 5.11: what this program opens is close-on-exec anyway.
        _ => match io::Error::last_os_error().raw_os_error() {
            Some(libc::ENOSYS | libc::EINVAL) => Ok(()),
            errno => Err(Errno::from_raw_os_error(errno.unwrap_or(libc::EIO))),
        },
    }
}
