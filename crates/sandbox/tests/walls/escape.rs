//! The kernel itself: new code, new rights, and the calls with a history.

use std::io;
use std::os::fd::AsRawFd;

use tombolo_sandbox::Layer::{Capabilities, Seccomp};

use crate::act::{Act, NOT_PERMITTED, Outcome, SIGSYS, call};
use crate::stage::folders;

pub(crate) const ACTS: &[Act] = &[
    Act::new("map executable memory", |_| map(libc::PROT_READ | libc::PROT_EXEC).map(drop))
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("make memory executable", |_| {
        let memory = map(libc::PROT_READ | libc::PROT_WRITE)?;
        call(libc::SYS_mprotect, [memory, PAGE, (libc::PROT_READ | libc::PROT_EXEC) as usize]).map(drop)
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("make all readable memory executable", |_| {
        const READ_IMPLIES_EXEC: usize = 0x0400000;
        call(libc::SYS_personality, [READ_IMPLIES_EXEC]).map(drop)
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("make a file in memory", |_| {
        call(libc::SYS_memfd_create, [c"x".as_ptr() as usize, 0]).map(drop)
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("start a user namespace", |_| call(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize]).map(drop))
        .refused_by(&[(Seccomp, SIGSYS)]),
    Act::new("start a process in a user namespace", |_| {
        match call(libc::SYS_clone, [(libc::CLONE_NEWUSER | libc::SIGCHLD) as usize, 0, 0, 0, 0])? {
            // SAFETY: _exit has no preconditions.
            0 => unsafe { libc::_exit(0) },
            child => call(libc::SYS_wait4, [child as usize, 0, 0, 0]).map(drop),
        }
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("start a thread past the filter", |_| {
        // Asked about with a size of nothing: a kernel that has the call says that this is too small.
        match call(libc::SYS_clone3, [0, 0]) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            other => other.map(drop),
        }
    })
    .refused_by(&[(Seccomp, Outcome::Refused(libc::ENOSYS))]),
    Act::new("go back into the front's network", |stage| {
        call(libc::SYS_setns, [stage.net.as_raw_fd() as usize, libc::CLONE_NEWNET as usize]).map(drop)
    })
    .by_root()
    .refused_by(&[(Capabilities, NOT_PERMITTED), (Seccomp, SIGSYS)]),
    Act::new("change the root folder", |_| call(libc::SYS_chroot, [c"/".as_ptr() as usize]).map(drop))
        .under(folders)
        .by_root()
        .refused_by(&[(Capabilities, NOT_PERMITTED), (Seccomp, SIGSYS)]),
    Act::new("set up a ring of calls", |_| {
        let parameters = [0_u8; 120];
        call(libc::SYS_io_uring_setup, [1, parameters.as_ptr() as usize]).map(drop)
    })
    .refused_by(&[(Seccomp, SIGSYS)]),
    Act::new("handle page faults", |_| {
        const USER_MODE_ONLY: usize = 1;
        call(libc::SYS_userfaultfd, [USER_MODE_ONLY]).map(drop)
    })
    .refused_by(&[(Seccomp, SIGSYS)]),
    Act::new("load a program into the kernel", |_| {
        // BPF_MAP_CREATE of an array with one element of four bytes.
        let attributes: [u32; 18] = [2, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        call(libc::SYS_bpf, [0, attributes.as_ptr() as usize, size_of_val(&attributes)]).map(drop)
    })
    .by_root()
    .refused_by(&[(Seccomp, SIGSYS)]),
    Act::new("send signals through a descriptor", |stage| {
        call(libc::SYS_fcntl, [stage.tcp.as_raw_fd() as usize, libc::F_SETOWN as usize, stage.front as usize])
            .map(drop)
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    #[cfg(target_arch = "x86_64")]
    Act::new("call by the 32-bit table", |_| call_32_bit()).refused_by(&[(Seccomp, SIGSYS)]),
];

const PAGE: usize = 4096;

fn map(protection: i32) -> io::Result<usize> {
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
    call(libc::SYS_mmap, [0, PAGE, protection as usize, flags, usize::MAX, 0]).map(|address| address as usize)
}

/// `getpid` of the other table, where the number means `writev` to a filter that does not look at the table.
#[cfg(target_arch = "x86_64")]
fn call_32_bit() -> io::Result<()> {
    let result: i32;
    // SAFETY: the call takes nothing, and returns in the one register named.
    unsafe { std::arch::asm!("int 0x80", inlateout("eax") 20 => result) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}
