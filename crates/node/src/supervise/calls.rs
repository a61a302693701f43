//! The way by which calls from app to app begin: from the broker, which knows who may call whom, to the gateway, which
//! knows where apps are.
//!
//! The node keeps both ends. What one process has sent and the other has not taken in waits in the kernel until there is
//! another one.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// Both ends.
#[derive(Debug)]
pub(super) struct Calls {
    broker: OwnedFd,
    gateway: OwnedFd,
}

impl Calls {
    /// # Errors
    /// When the process has no descriptors left.
    pub(super) fn new() -> io::Result<Calls> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (broker, gateway) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Calls { broker, gateway })
    }

    /// The broker's end, for the next one.
    pub(super) fn broker(&self) -> io::Result<OwnedFd> {
        self.broker.try_clone()
    }

    /// The gateway's end, for the next one.
    pub(super) fn gateway(&self) -> io::Result<OwnedFd> {
        self.gateway.try_clone()
    }
}
