//! Memory that the process keeps although nothing uses it.

/// Gives the kernel back what the allocator keeps of freed memory, in all its arenas. It takes a millisecond for some
/// 50 MiB, in which others who allocate may wait: to be called by who has nothing else to do.
///
/// Allocators other than glibc's keep little, and have nothing to call.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the function takes the allocator's own locks and touches nothing that is allocated.
    unsafe {
        libc::malloc_trim(0);
    }
}
