//! Memory that the process keeps although nothing uses it.

use std::ffi::{c_int, c_void};

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

/// Forgets the pages of the program's own code: those that are used again come back from the page cache, and those that
/// only starting needed are left to the kernel. To be called once by a process that is to run for long.
pub fn forget_startup_code() {
    // SAFETY: the callback has the signature that is asked for, and takes no data.
    unsafe { libc::dl_iterate_phdr(Some(forget_code_of_program), std::ptr::null_mut()) };
}

/// Looks at the first object, which is the program (dl_iterate_phdr(3)), and at no other.
extern "C" fn forget_code_of_program(
    object: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut c_void,
) -> c_int {
    // SAFETY: the loader gives a description that is whole for the time of this call, with its headers.
    let (base, headers) = unsafe {
        let object = &*object;
        (object.dlpi_addr, std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)))
    };
    // SAFETY: it reads what the C library knows since it was loaded; nothing is opened.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let Ok(page @ 1..) = usize::try_from(page) else { return 1 };
    for header in headers {
        // What can be executed and not written has no relocations: its pages are the file's.
        let is_code = header.p_flags & libc::PF_X != 0 && header.p_flags & libc::PF_W == 0;
        if header.p_type != libc::PT_LOAD || !is_code {
            continue;
        }
        let start = (base + header.p_vaddr) as usize;
        let (first, end) = (start.next_multiple_of(page), (start + header.p_memsz as usize) / page * page);
        // SAFETY: whole pages of a mapping that is never written: they are read from the program's file again.
        unsafe { libc::madvise(first as *mut c_void, end.saturating_sub(first), libc::MADV_DONTNEED) };
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kilobytes of this process' memory that are backed by files.
    fn file_backed_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("its own status");
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).expect("a number")
    }

    #[test]
    fn code_that_is_forgotten_is_not_held_and_runs_again() {
        let before = file_backed_kib();
        forget_startup_code();
        let after = file_backed_kib();
        assert!(after < before, "{before} KiB became {after}");
        assert_eq!((1..=4).map(|n| n * n).sum::<u64>(), 30);
    }
}
