//! What is left, each with the reason why it is needed.

use super::entry::Check::{Bits, Is, Null, OwnProcess};
use super::entry::{Check, Entry, allow, allow_if, no_such_call};

/// This thread's own process in the place of a pid descriptor (`PIDFD_SELF`, Linux 6.14).
const PIDFD_SELF: u32 = (-10_000_i32).cast_unsigned();

/// For every cell: compute, wait, read and write what is open, start threads, end.
pub(super) const ALWAYS: &[Entry] = &[
    // What is open.
    allow(libc::SYS_read, "standard input, pipes, granted files"),
    allow(libc::SYS_write, "standard output, pipes, wake-ups of the event loop"),
    allow(libc::SYS_readv, "as read, into several buffers"),
    allow(libc::SYS_writev, "as write, from several buffers"),
    allow(libc::SYS_pread64, "granted files"),
    allow(libc::SYS_pwrite64, "granted files"),
    allow(libc::SYS_preadv, "granted files"),
    allow(libc::SYS_pwritev, "granted files"),
    allow(libc::SYS_preadv2, "granted files"),
    allow(libc::SYS_pwritev2, "granted files, appending"),
    allow(libc::SYS_lseek, "granted files"),
    allow(libc::SYS_close, "giving back descriptors"),
    allow(libc::SYS_fstat, "kind and size of an open file"),
    allow(libc::SYS_dup, "a second handle of an open file"),
    allow_if(
        libc::SYS_fcntl,
        FCNTL,
        "copies, flags and locks of descriptors; not F_SETOWN, which sends signals",
    ),
    allow_if(
        libc::SYS_ioctl,
        IOCTL,
        "is this a terminal, how large; bytes waiting; clean pages of a memory image",
    ),
    // Waiting.
    allow(libc::SYS_ppoll, "waiting for input or a timer"),
    allow(libc::SYS_epoll_create1, "the event loop"),
    allow(libc::SYS_epoll_ctl, "the event loop"),
    allow(libc::SYS_epoll_pwait, "the event loop"),
    allow(libc::SYS_epoll_pwait2, "the event loop"),
    allow(libc::SYS_eventfd2, "the event loop's wake-up"),
    allow_if(
        libc::SYS_socketpair,
        STREAM_PAIR,
        "the event loop's signal pipe; a datagram socket, also one of a pair, sends to any name in the file system",
    ),
    allow(libc::SYS_futex, "locks and waiting for threads"),
    allow(libc::SYS_nanosleep, "a guest's timers"),
    allow(libc::SYS_clock_nanosleep, "a guest's timers"),
    allow(libc::SYS_clock_gettime, "clocks, where the vDSO cannot answer"),
    allow(libc::SYS_clock_getres, "a clock's resolution"),
    allow(libc::SYS_gettimeofday, "clocks, where the vDSO cannot answer"),
    allow(libc::SYS_getrusage, "processor time used"),
    allow(libc::SYS_getrandom, "random numbers"),
    allow(libc::SYS_restart_syscall, "the kernel's own, after a stop and go on"),
    // Memory; mmap and mprotect are in DATA_ONLY and LATE_CODE.
    allow(libc::SYS_munmap, "giving back memory"),
    allow(libc::SYS_mremap, "growing memory"),
    allow(libc::SYS_madvise, "giving back an instance's pages"),
    allow_if(
        libc::SYS_process_madvise,
        &[&[Is(0, PIDFD_SELF)]],
        "giving back many instances' pages at once; of this process only",
    ),
    allow(libc::SYS_brk, "the C library's heap"),
    allow(libc::SYS_membarrier, "publishing code to other processors"),
    // Threads of this process.
    allow_if(libc::SYS_clone, THREAD, "a thread; no process, no namespace"),
    no_such_call(
        libc::SYS_clone3,
        "its flags are out of a filter's sight; the C library falls back to clone",
    ),
    allow(libc::SYS_set_robust_list, "a thread's start"),
    allow(libc::SYS_rseq, "a thread's start"),
    allow(libc::SYS_sched_yield, "spinning politely"),
    allow(libc::SYS_sched_getaffinity, "how many processors, and a thread's stack bounds"),
    allow(libc::SYS_getcpu, "which processor, where the vDSO cannot answer"),
    allow_if(libc::SYS_prctl, PRCTL, "names of threads and of memory"),
    allow_if(libc::SYS_prlimit64, &[&[Is(0, 0), Null(2)]], "reading this process's own limits"),
    allow(libc::SYS_exit, "a thread's end"),
    allow(libc::SYS_exit_group, "the end"),
    // Who am I.
    allow(libc::SYS_getpid, "messages"),
    allow(libc::SYS_gettid, "messages, locks"),
    allow(libc::SYS_getuid, "messages"),
    allow(libc::SYS_geteuid, "messages"),
    allow(libc::SYS_getgid, "messages"),
    allow(libc::SYS_getegid, "messages"),
    // Signals: a guest's trap is a signal to its own thread.
    allow(libc::SYS_rt_sigaction, "handlers of traps"),
    allow(libc::SYS_rt_sigprocmask, "handlers of traps, starts of threads"),
    allow(libc::SYS_rt_sigreturn, "the end of a handler"),
    allow(libc::SYS_sigaltstack, "a stack on which a stack overflow can be handled"),
    allow_if(libc::SYS_tgkill, &[&[OwnProcess(0)]], "abort, to this process only"),
];

/// What an architecture, or a C library, has instead of, or beside, the common calls.
pub(super) const ARCHITECTURE: &[Entry] = &[
    #[cfg(target_arch = "x86_64")]
    allow(libc::SYS_poll, "waiting for input or a timer"),
    #[cfg(target_arch = "x86_64")]
    allow(libc::SYS_epoll_wait, "the event loop"),
    #[cfg(target_arch = "x86_64")]
    allow(libc::SYS_time, "clocks, where the vDSO cannot answer"),
    #[cfg(target_env = "musl")]
    allow_if(libc::SYS_tkill, &[&[OwnProcess(0), Is(1, libc::SIGABRT as u32)]], "abort of the first thread"),
    #[cfg(target_arch = "riscv64")]
    allow(RISCV_HWPROBE, "what the processor can do"),
];

/// Memory is for data: nothing becomes executable after the lock-down, so that a hole in the engine cannot be used
/// to run new machine code.
pub(super) const DATA_ONLY: &[Entry] = &[
    allow_if(libc::SYS_mmap, NOT_EXECUTABLE, "memory, and images of it, without PROT_EXEC"),
    allow_if(libc::SYS_mprotect, NOT_EXECUTABLE, "growing an instance's memory, without PROT_EXEC"),
];

/// For a cell that loads programs while it serves.
pub(super) const LATE_CODE: &[Entry] = &[
    allow(libc::SYS_mmap, "memory, and compiled programs"),
    allow(libc::SYS_mprotect, "growing memory, making a compiled program executable"),
    allow(libc::SYS_memfd_create, "an image of a program's first memory"),
    allow(libc::SYS_ftruncate, "the size of such an image"),
    #[cfg(target_arch = "riscv64")]
    allow(RISCV_FLUSH_ICACHE, "new code becomes visible"),
];

/// With at least one file rule. Landlock says which files; these calls all take a path.
pub(super) const FILES: &[Entry] = &[
    allow(libc::SYS_openat, "granted files"),
    #[cfg(all(target_arch = "x86_64", target_env = "musl"))]
    allow(libc::SYS_open, "as openat, the way this C library calls it"),
    allow(libc::SYS_openat2, "granted files, below a folder in one step"),
    allow(libc::SYS_newfstatat, "kind and size of a file"),
    allow(libc::SYS_statx, "kind, size and times of a file"),
    allow(libc::SYS_readlinkat, "resolving symbolic links below a folder"),
    allow(libc::SYS_getdents64, "listing folders"),
    allow(libc::SYS_fadvise64, "a guest's hint how it will read"),
    allow(libc::SYS_fsync, "a guest's wish for durability"),
    allow(libc::SYS_fdatasync, "a guest's wish for durability"),
];

/// With at least one rule that allows writing.
pub(super) const WRITES: &[Entry] = &[
    allow(libc::SYS_mkdirat, "a guest makes a folder"),
    allow(libc::SYS_unlinkat, "a guest removes a file or folder"),
    #[cfg(not(target_arch = "riscv64"))]
    allow(libc::SYS_renameat, "a guest renames a file or folder"),
    allow(libc::SYS_renameat2, "a guest renames a file or folder"),
    allow(libc::SYS_linkat, "a guest makes a hard link; Landlock keeps it within its rights"),
    allow(libc::SYS_symlinkat, "a guest makes a symbolic link"),
    allow(libc::SYS_ftruncate, "a guest sets a file's size"),
    allow(libc::SYS_fallocate, "a guest reserves space"),
    allow(libc::SYS_utimensat, "a guest sets a file's times"),
];

/// With files that several cells share. Not for others: such a lock is exclusive also for who may only read, and
/// would keep other programs from their files.
pub(super) const SHARED_FILES: &[Entry] = &[allow(
    libc::SYS_flock,
    "a volume's count, which the cells before and after an upgrade keep together; who has a file of it open",
)];

/// With a network, or with sockets that were given to the cell.
pub(super) const SOCKETS: &[Entry] = &[
    allow(libc::SYS_accept4, "a granted listener's connections"),
    allow(libc::SYS_shutdown, "closing one direction"),
    allow(libc::SYS_getsockname, "own address"),
    allow(libc::SYS_getpeername, "the peer's address"),
    allow_if(libc::SYS_getsockopt, SOCKET_OPTION_LEVELS, "the outcome of a connect, buffer sizes"),
    allow(libc::SYS_recvfrom, "receiving"),
    allow(libc::SYS_recvmsg, "receiving, also descriptors"),
    allow(libc::SYS_recvmmsg, "receiving several datagrams"),
];

/// With descriptors to be passed on, and no network.
pub(super) const PASSING: &[Entry] =
    &[allow_if(libc::SYS_sendmsg, &[&[Bits(2, MSG_FASTOPEN, 0)]], "handing connections to another process")];

/// With sockets that were given to the cell, and no network: whoever gave them chose where they lead, and there they
/// lead until they are closed. `sendmsg` has its address behind a pointer that a filter cannot follow.
pub(super) const GIVEN_SOCKETS: &[Entry] = &[
    allow_if(
        libc::SYS_setsockopt,
        GIVEN_SOCKET_OPTIONS,
        "keep-alive, no-delay, buffer sizes; no source routes, no other interface",
    ),
    allow_if(libc::SYS_sendto, &[&[Bits(3, MSG_FASTOPEN, 0), Null(4)]], "sending to where a socket leads"),
];

/// With a network.
pub(super) const OWN_SOCKETS: &[Entry] = &[
    allow_if(
        libc::SYS_setsockopt,
        SOCKET_OPTION_LEVELS,
        "keep-alive, no-delay, buffer sizes; no firewall tables",
    ),
    allow_if(
        libc::SYS_sendto,
        &[&[Bits(3, MSG_FASTOPEN, 0)]],
        "sending; not connecting by the way, past Landlock",
    ),
    allow_if(libc::SYS_sendmsg, &[&[Bits(2, MSG_FASTOPEN, 0)]], "sending, also descriptors"),
    allow_if(libc::SYS_sendmmsg, &[&[Bits(3, MSG_FASTOPEN, 0)]], "sending several datagrams"),
];

/// With a network. Landlock says which ports.
pub(super) const TCP: &[Entry] = &[
    allow_if(
        libc::SYS_socket,
        TCP_SOCKET,
        "TCP only: other streams (MPTCP, SCTP) are out of Landlock's sight",
    ),
    allow(libc::SYS_connect, "outgoing connections"),
    allow(libc::SYS_bind, "a granted listener, or the local end of a connection"),
    allow(libc::SYS_listen, "a granted listener"),
];

/// With a network and UDP.
pub(super) const UDP: &[Entry] =
    &[allow_if(libc::SYS_socket, UDP_SOCKET, "name service and granted datagrams; no raw or ping sockets")];

/// `asm/unistd.h` of this architecture, which `libc` does not have in full.
#[cfg(target_arch = "riscv64")]
const RISCV_HWPROBE: std::ffi::c_long = 258;
#[cfg(target_arch = "riscv64")]
const RISCV_FLUSH_ICACHE: std::ffi::c_long = 259;

const THREAD: &[&[Check]] = &[&[Bits(0, THREAD_MASK, THREAD_FLAGS)]];
const THREAD_FLAGS: u32 =
    (libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u32;
/// What must be set, and what must not: everything that makes a process, a namespace or a traced child.
const THREAD_MASK: u32 = THREAD_FLAGS
    | (libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_PTRACE
        | libc::CLONE_VFORK
        | libc::CLONE_PARENT
        | libc::CLONE_PIDFD) as u32;

const NOT_EXECUTABLE: &[&[Check]] = &[&[Bits(2, libc::PROT_EXEC as u32, 0)]];

const FCNTL: &[&[Check]] = &[
    &[Is(1, libc::F_DUPFD_CLOEXEC as u32)],
    &[Is(1, libc::F_DUPFD as u32)],
    &[Is(1, libc::F_GETFD as u32)],
    &[Is(1, libc::F_SETFD as u32)],
    &[Is(1, libc::F_GETFL as u32)],
    &[Is(1, libc::F_SETFL as u32)],
    &[Is(1, libc::F_GETLK as u32)],
    &[Is(1, libc::F_SETLK as u32)],
    &[Is(1, libc::F_SETLKW as u32)],
    &[Is(1, libc::F_OFD_GETLK as u32)],
    &[Is(1, libc::F_OFD_SETLK as u32)],
    &[Is(1, libc::F_OFD_SETLKW as u32)],
    &[Is(1, libc::F_ADD_SEALS as u32)],
];

/// `_IOWR('f', 16, struct pm_scan_arg)` of `linux/fs.h`.
const PAGEMAP_SCAN: u32 = 0xC060_6610;
const IOCTL: &[&[Check]] = &[
    &[Is(1, libc::TCGETS as u32)],
    &[Is(1, libc::TIOCGWINSZ as u32)],
    &[Is(1, libc::FIONBIO as u32)],
    &[Is(1, libc::FIONREAD as u32)],
    &[Is(1, libc::FIOCLEX as u32)],
    &[Is(1, PAGEMAP_SCAN)],
];

const PRCTL: &[&[Check]] = &[&[Is(0, libc::PR_SET_NAME as u32)], &[Is(0, libc::PR_SET_VMA as u32)]];

const SOCKET_OPTION_LEVELS: &[&[Check]] = &[
    &[Is(1, libc::SOL_SOCKET as u32)],
    &[Is(1, libc::IPPROTO_TCP as u32)],
    &[Is(1, libc::IPPROTO_IP as u32)],
    &[Is(1, libc::IPPROTO_IPV6 as u32)],
    &[Is(1, libc::IPPROTO_UDP as u32)],
];

const GIVEN_SOCKET_OPTIONS: &[&[Check]] = &[
    &[Is(1, libc::SOL_SOCKET as u32), Is(2, libc::SO_KEEPALIVE as u32)],
    &[Is(1, libc::SOL_SOCKET as u32), Is(2, libc::SO_LINGER as u32)],
    &[Is(1, libc::SOL_SOCKET as u32), Is(2, libc::SO_RCVBUF as u32)],
    &[Is(1, libc::SOL_SOCKET as u32), Is(2, libc::SO_SNDBUF as u32)],
    &[Is(1, libc::IPPROTO_TCP as u32), Is(2, libc::TCP_NODELAY as u32)],
    &[Is(1, libc::IPPROTO_TCP as u32), Is(2, libc::TCP_KEEPIDLE as u32)],
    &[Is(1, libc::IPPROTO_TCP as u32), Is(2, libc::TCP_KEEPINTVL as u32)],
    &[Is(1, libc::IPPROTO_TCP as u32), Is(2, libc::TCP_KEEPCNT as u32)],
    &[Is(1, libc::IPPROTO_IP as u32), Is(2, libc::IP_TTL as u32)],
    &[Is(1, libc::IPPROTO_IPV6 as u32), Is(2, libc::IPV6_UNICAST_HOPS as u32)],
];

const MSG_FASTOPEN: u32 = libc::MSG_FASTOPEN as u32;

/// The part of a socket's type that is not a flag (`linux/net.h`).
const SOCK_TYPE_MASK: u32 = 0xF;
const IPV4: Check = Is(0, libc::AF_INET as u32);
const IPV6: Check = Is(0, libc::AF_INET6 as u32);
const STREAM: Check = Bits(1, SOCK_TYPE_MASK, libc::SOCK_STREAM as u32);
const DATAGRAM: Check = Bits(1, SOCK_TYPE_MASK, libc::SOCK_DGRAM as u32);
const STREAM_PAIR: &[&[Check]] = &[&[Is(0, libc::AF_UNIX as u32), STREAM]];
const TCP_SOCKET: &[&[Check]] = &[
    &[IPV4, STREAM, Is(2, 0)],
    &[IPV4, STREAM, Is(2, libc::IPPROTO_TCP as u32)],
    &[IPV6, STREAM, Is(2, 0)],
    &[IPV6, STREAM, Is(2, libc::IPPROTO_TCP as u32)],
];
const UDP_SOCKET: &[&[Check]] = &[
    &[IPV4, DATAGRAM, Is(2, 0)],
    &[IPV4, DATAGRAM, Is(2, libc::IPPROTO_UDP as u32)],
    &[IPV6, DATAGRAM, Is(2, 0)],
    &[IPV6, DATAGRAM, Is(2, libc::IPPROTO_UDP as u32)],
];
