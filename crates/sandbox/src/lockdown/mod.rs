//! Closing the door: from here on only the policy's files and sockets can be reached.

mod files;
mod rights;
mod seccomp;

use std::os::fd::BorrowedFd;

use crate::walls::Walls;
use crate::{Layer, Layers, Requirement, SandboxError, Status, probe, threads};

/// What the cell may still do after [`lock_down`](crate::Entered::lock_down). By default nothing but compute, and
/// read and write what is open.
#[derive(Debug, Default)]
pub struct Policy<'a> {
    /// Files and folders that may be opened by path, each with everything below it.
    pub files: Vec<FileRule<'a>>,
    /// Which sockets may be made.
    pub network: Network,
    /// UDP sockets too; for `udp` grants and for asking a name server. Needs a network other than `None`. Landlock
    /// has no rules for UDP ports yet, so this opens all of them.
    pub udp: bool,
    /// Sockets that were made elsewhere and given to this process may be used: accepted from, sent to, received from,
    /// also with descriptors. Without a network they lead where they led when they came.
    pub given_sockets: bool,
    /// Descriptors may be sent through the sockets that were given; none of them may be of datagrams, for the address of
    /// a message is out of a filter's sight.
    pub passes_descriptors: bool,
    /// Open files may be locked against other processes, whatever they were opened for; for a cell with files that
    /// it shares with another one.
    pub shared_files: bool,
    /// New machine code may be mapped later; for a cell that loads programs while it serves.
    pub late_code: bool,
    /// Layers without which `lock_down` fails.
    pub require: Requirement,
    /// Which walls to put up; all of them outside test builds.
    #[doc(hidden)]
    pub walls: Walls,
}

/// One file or folder with everything below it.
#[derive(Clone, Copy, Debug)]
pub struct FileRule<'a> {
    /// The opened file or folder; `O_PATH` is enough.
    pub fd: BorrowedFd<'a>,
    /// What may be done.
    pub access: Access,
}

/// What may be done with files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read files, list folders.
    ReadOnly,
    /// Also write, create, remove, rename and link within the rules.
    ReadWrite,
}

/// Which sockets a cell may make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// None at all.
    #[default]
    None,
    /// TCP over IPv4 and IPv6.
    Tcp {
        /// Ports that may be connected to.
        connect: Vec<u16>,
        /// Ports that may be bound.
        bind: Vec<u16>,
        /// Every port may be connected to and bound; the lists do not count then.
        any: bool,
    },
}

/// Locks down this process, which is not a cell: for a child such as the compiler, that needs no more than what it
/// has open. As [`Entered::lock_down`](crate::Entered::lock_down) otherwise.
pub fn lock_down(policy: &Policy<'_>) -> Result<Layers, SandboxError> {
    let mut layers = probe::kernel();
    for layer in [Layer::UserNamespace, Layer::PidNamespace, Layer::IpcNamespace, Layer::NetNamespace] {
        layers.set(layer, Status::NotUsed("not a cell".into()));
    }
    apply(policy, layers)
}

/// Each step takes away what the steps before it needed: capabilities go after the namespaces are made, Landlock
/// comes while its system calls are still allowed, seccomp is last.
pub(crate) fn apply(policy: &Policy<'_>, mut layers: Layers) -> Result<Layers, SandboxError> {
    threads::only_one("lock down")?;
    let own_namespace = layers.in_force(Layer::UserNamespace);
    let mut step = |layer: Layer, wall: &dyn Fn() -> Result<Status, SandboxError>| {
        if !policy.walls.has(layer) {
            layers.set(layer, Status::NotUsed("left out".into()));
        } else if !matches!(layers.get(layer), Status::Missing(_)) {
            layers.set(layer, wall()?);
        }
        Ok::<(), SandboxError>(())
    };
    step(Layer::Capabilities, &|| rights::drop_capabilities(own_namespace))?;
    step(Layer::NoCore, &rights::no_core)?;
    step(Layer::NotDumpable, &rights::not_dumpable)?;
    step(Layer::NoNewPrivs, &rights::no_new_privs)?;
    files::restrict(policy, &mut layers)?;
    seccomp::install(policy, &mut layers)?;
    policy.require.check(&layers)?;
    Ok(layers)
}

pub(crate) use seccomp::has_filter as seccomp_has_filter;
