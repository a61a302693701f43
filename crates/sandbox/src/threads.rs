//! Is this the only thread? Landlock, seccomp and fork concern the calling thread only.

use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use crate::SandboxError;

/// How often a thread that has been joined may still be seen by the kernel before it counts.
const LOOKS_MAX: u32 = 2000;
const LOOKS_WITHOUT_SLEEP: u32 = 200;
const SLEEP: Duration = Duration::from_micros(50);

/// Fails unless the caller is the only thread of its process.
///
/// A joined thread is gone for its joiner a little before it is gone for the kernel, hence a few looks.
pub(crate) fn only_one(what: &'static str) -> Result<(), SandboxError> {
    for look in 0..LOOKS_MAX {
        if single() {
            return Ok(());
        }
        if look < LOOKS_WITHOUT_SLEEP {
            thread::yield_now();
        } else {
            thread::sleep(SLEEP);
        }
    }
    Err(SandboxError::Threads { what })
}

/// `unshare(CLONE_THREAD)` has no effect, and is refused to a process with several threads (unshare(2)). Where a
/// container's filter forbids the call, the link count of the task folder tells.
fn single() -> bool {
    // SAFETY: the flag changes nothing in any case.
    let result = unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_THREAD) };
    result == 0 || (errno() != libc::EINVAL && tasks() == Some(1))
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn tasks() -> Option<u64> {
    const LINKS_OF_AN_EMPTY_FOLDER: u64 = 2;
    std::fs::metadata("/proc/self/task").ok()?.nlink().checked_sub(LINKS_OF_AN_EMPTY_FOLDER)
}
