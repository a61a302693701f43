//! Where the C library keeps the number of the calling thread.
//!
//! A child of the bare `clone` system call has a new thread number, and the C library's copy of it would be stale:
//! a lock that names its owner by it could be taken by two threads of the child at once. So the kernel is asked to
//! write the new number there (`CLONE_CHILD_SETTID`), as the library's own `fork` does.

/// The address of the library's copy, or `None` where it cannot be told for sure.
pub(super) fn address() -> Option<*mut libc::pid_t> {
    let candidate = candidate()?;
    // SAFETY: a candidate is a readable, aligned part of this thread's descriptor.
    let kept = unsafe { candidate.read() };
    (kept == rustix::thread::gettid().as_raw_nonzero().get()).then_some(candidate)
}

/// The GNU library registers its copy as the address to clear at the thread's end.
#[cfg(not(target_env = "musl"))]
fn candidate() -> Option<*mut libc::pid_t> {
    let address = rustix::thread::get_clear_child_tid_address().ok()??;
    let address = address.as_ptr().cast::<libc::pid_t>();
    address.is_aligned().then_some(address)
}

/// musl has it at a place of `struct pthread` that only depends on where the thread pointer points
/// (`src/internal/pthread_impl.h`).
#[cfg(target_env = "musl")]
fn candidate() -> Option<*mut libc::pid_t> {
    let words_before = if cfg!(target_arch = "x86_64") {
        6 // self, dtv, prev, next, sysinfo, canary
    } else if cfg!(any(target_arch = "aarch64", target_arch = "riscv64")) {
        4 // self, prev, next, sysinfo
    } else {
        return None;
    };
    // SAFETY: pthread_self has no preconditions; on musl it is the address of the descriptor.
    let descriptor = unsafe { libc::pthread_self() } as *mut usize;
    Some(descriptor.wrapping_add(words_before).cast())
}
