//! Other processes: the front stands for all of them.

use std::io;

use tombolo_sandbox::Layer::{IpcNamespace, Landlock, PidNamespace, Scope, Seccomp, UserNamespace};

use crate::act::{Act, NO_ACCESS, NO_SUCH_PROCESS, NOT_PERMITTED, Outcome, SIGSYS, call};
use crate::stage::Stage;

pub(crate) const ACTS: &[Act] = &[
    Act::new("signal the front", signal).refused_by(&[
        (PidNamespace, NO_SUCH_PROCESS),
        (Scope, NOT_PERMITTED),
        (Seccomp, NOT_PERMITTED),
    ]),
    Act::new("trace the front", trace).refused_by(&[
        (UserNamespace, NOT_PERMITTED),
        (PidNamespace, NO_SUCH_PROCESS),
        (Landlock, NOT_PERMITTED),
        (Seccomp, SIGSYS),
    ]),
    Act::new("read the front's memory", read_memory).refused_by(&[
        (UserNamespace, NOT_PERMITTED),
        (PidNamespace, NO_SUCH_PROCESS),
        (Landlock, NOT_PERMITTED),
        (Seccomp, SIGSYS),
    ]),
    Act::new("name the front by a descriptor", |stage| {
        call(libc::SYS_pidfd_open, [stage.front as usize, 0]).map(drop)
    })
    .refused_by(&[(PidNamespace, NO_SUCH_PROCESS), (Seccomp, NOT_PERMITTED)]),
    Act::new("lower the front's priority", |stage| {
        call(libc::SYS_setpriority, [libc::PRIO_PROCESS as usize, stage.front as usize, 19]).map(drop)
    })
    .refused_by(&[(PidNamespace, NO_SUCH_PROCESS), (Seccomp, NOT_PERMITTED)]),
    Act::new("start a program", execute).refused_by(&[(Landlock, NO_ACCESS), (Seccomp, SIGSYS)]),
    Act::new("start a process", fork).refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("reach shared memory of others", shared_memory)
        .refused_by(&[(IpcNamespace, Outcome::Refused(libc::ENOENT)), (Seccomp, NOT_PERMITTED)]),
];

fn signal(stage: &Stage) -> io::Result<()> {
    // One that is ignored.
    call(libc::SYS_kill, [stage.front as usize, libc::SIGWINCH as usize]).map(drop)
}

fn trace(stage: &Stage) -> io::Result<()> {
    call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as usize, stage.front as usize, 0, 0]).map(drop)
}

/// The front has the same secret at the same address, as it was cloned.
fn read_memory(stage: &Stage) -> io::Result<()> {
    let theirs = stage.front;
    let mut copy = 0_u32;
    let from = libc::iovec { iov_base: (&raw const stage.front).cast_mut().cast(), iov_len: 4 };
    let to = libc::iovec { iov_base: (&raw mut copy).cast(), iov_len: 4 };
    let arguments = [stage.front as usize, &raw const to as usize, 1, &raw const from as usize, 1, 0];
    call(libc::SYS_process_vm_readv, arguments)?;
    assert_eq!(copy, theirs);
    Ok(())
}

fn execute(_: &Stage) -> io::Result<()> {
    let program = c"/bin/true".as_ptr() as usize;
    call(libc::SYS_execve, [program, [program, 0].as_ptr() as usize, [0_usize].as_ptr() as usize]).map(drop)
}

fn fork(_: &Stage) -> io::Result<()> {
    match call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0])? {
        // SAFETY: _exit has no preconditions.
        0 => unsafe { libc::_exit(0) },
        child => call(libc::SYS_wait4, [child as usize, 0, 0, 0]).map(drop),
    }
}

fn shared_memory(stage: &Stage) -> io::Result<()> {
    call(libc::SYS_shmget, [stage.segment.key(), 0, 0]).map(drop)
}
