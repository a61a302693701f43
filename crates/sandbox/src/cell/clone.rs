//! Starting the cell's process, in as many namespaces as the kernel gives.

use std::ffi::{c_int, c_ulong};
use std::io;

use rustix::process::Pid;
use rustix::thread::{CapabilitySet, UnshareFlags, unshare_unsafe};

use crate::walls::Walls;
use crate::{Layer, Layers, SandboxError, Status};

const NAMESPACES: [(Layer, c_int); 3] = [
    (Layer::UserNamespace, libc::CLONE_NEWUSER),
    (Layer::PidNamespace, libc::CLONE_NEWPID),
    (Layer::IpcNamespace, libc::CLONE_NEWIPC),
];

const USER: c_int = libc::CLONE_NEWUSER;
const OTHERS: c_int = libc::CLONE_NEWPID | libc::CLONE_NEWIPC;

/// What is asked for, from most to least. A user namespace is what lets an unprivileged user have the others; root
/// in a container may be refused a user namespace and still get the others.
const STEPS: [c_int; 5] = [USER | OTHERS, USER | libc::CLONE_NEWIPC, USER, OTHERS, 0];

/// Root needs no user namespace to get the others, and in one it could not open other users' files any more. So it
/// moves into one at the lock-down.
const STEPS_OF_ROOT: [c_int; 5] = [OTHERS, USER | OTHERS, USER | libc::CLONE_NEWIPC, USER, 0];

/// Which of the two processes this is.
pub(super) enum Side {
    /// The front, with the cell's process.
    Front(Pid),
    /// The cell, with the namespaces it is in.
    Cell(Granted),
}

/// The namespaces that the kernel gave, and why not more.
pub(super) struct Granted {
    flags: c_int,
    wanted: c_int,
    refusal: Option<io::Error>,
}

/// Clones this process, which must be single threaded, falling back from step to step.
///
/// No user or group is mapped into the user namespace. Without a mapping the kernel still knows the cell's real
/// user: files are opened and created as that user, and there is nothing a guest could become instead. Three writes
/// to `/proc` less are also 0.07 ms of each start.
pub(super) fn clone(walls: Walls) -> Result<Side, SandboxError> {
    let steps = if is_privileged() { STEPS_OF_ROOT } else { STEPS };
    let wanted =
        NAMESPACES.iter().filter(|(layer, _)| walls.has(*layer)).fold(0, |set, (_, flag)| set | flag);
    let mut refusal = None;
    let mut last = None;
    for flags in steps.map(|step| step & wanted) {
        if last.replace(flags) == Some(flags) {
            continue;
        }
        match clone_once(flags) {
            Ok(Some(cell)) => return Ok(Side::Front(cell)),
            Ok(None) => return Ok(Side::Cell(Granted { flags, wanted, refusal })),
            Err(error) => refusal = Some(refusal.unwrap_or(error)),
        }
    }
    let source = refusal.unwrap_or_else(|| io::ErrorKind::Unsupported.into());
    Err(SandboxError::System { what: "start the cell's process", source })
}

fn is_privileged() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::DAC_OVERRIDE;
    rustix::thread::capabilities(None).is_ok_and(|own| own.effective.contains(needed))
}

/// Returns the child to the parent, and `None` to the child.
fn clone_once(flags: c_int) -> io::Result<Option<Pid>> {
    let thread_id = super::libc_tid::address();
    let keep_id = if thread_id.is_some() { libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID } else { 0 };
    let flags = (flags | keep_id | libc::SIGCHLD) as c_ulong;
    let none = std::ptr::null_mut::<c_int>();
    let id = thread_id.unwrap_or(none);
    // SAFETY: without CLONE_VM and with no stack given this is fork: the child has a copy of everything. The
    // process is single threaded, so no lock is held by a thread that the child does not have. The two null
    // pointers and the fourth or fifth argument are the parent's id, thread-local storage (both unused without
    // their flags) and the child's id, in the order of the architecture.
    let result = unsafe {
        #[cfg(target_arch = "x86_64")]
        let result = libc::syscall(libc::SYS_clone, flags, none, none, id, none);
        #[cfg(not(target_arch = "x86_64"))]
        let result = libc::syscall(libc::SYS_clone, flags, none, none, none, id);
        result
    };
    match result {
        0 => Ok(None),
        ..0 => Err(io::Error::last_os_error()),
        child => Ok(Pid::from_raw(child as i32)),
    }
}

impl Granted {
    /// Writes down what is in force and what was refused.
    pub(super) fn note(&self, layers: &mut Layers) {
        for (layer, flag) in NAMESPACES {
            let status = if self.flags & flag != 0 {
                Status::InForce("".into())
            } else if self.wanted & flag == 0 {
                Status::NotUsed("left out".into())
            } else if let Some(refusal) = &self.refusal {
                refused(refusal)
            } else {
                Status::Available("at the lock-down".into())
            };
            layers.set(layer, status);
        }
    }
}

/// Moves this process, which is privileged and has one thread, into a user namespace of its own.
pub(super) fn enter_user_namespace() -> Status {
    // SAFETY: a user namespace does not touch the table of descriptors.
    match unsafe { unshare_unsafe(UnshareFlags::NEWUSER) } {
        Ok(()) => Status::InForce("".into()),
        Err(errno) => refused(&errno.into()),
    }
}

fn refused(why: &io::Error) -> Status {
    Status::Missing(format!("refused by the kernel: {why}").into())
}
