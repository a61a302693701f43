//! Closing the door: from here on only the policy's files and sockets can be reached.

use std::os::fd::BorrowedFd;

use crate::{Layers, Requirement, SandboxError};

/// What the cell may still do after [`lock_down`](crate::Entered::lock_down).
#[derive(Debug, Default)]
pub struct Policy<'a> {
    /// Files and folders that may be opened by path, each with everything below it.
    pub files: Vec<FileRule<'a>>,
    /// Which sockets may be made.
    pub network: Network,
    /// UDP sockets too; for `udp` grants and for asking a name server. Needs a network other than `None`.
    pub udp: bool,
    /// New machine code may be mapped later; for a cell that loads programs while it serves.
    pub late_code: bool,
    /// Layers without which `lock_down` fails.
    pub require: Requirement,
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

pub(crate) fn apply(policy: &Policy<'_>, layers: Layers) -> Result<Layers, SandboxError> {
    policy.require.check(&layers)?;
    Ok(layers)
}
