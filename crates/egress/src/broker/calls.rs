//! The way to the gateway, by which calls from app to app begin.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tombolo_sandbox::send_fds;
use tombolo_spec::call::Call;

use crate::ask::Failed;
use crate::wire::encode;

/// The broker's end of the way to the gateway.
pub(super) struct Calls(UnixDatagram);

impl Calls {
    /// # Errors
    /// A socket that can't be waited for.
    pub(super) fn new(socket: OwnedFd) -> io::Result<Calls> {
        // Of packets, as datagrams are.
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Calls(UnixDatagram::from_std(socket)?))
    }

    /// Begins a connection for this call: gives one end to the gateway and returns the other. Waits while the gateway has
    /// many to take in, or is being started.
    pub(super) async fn begin(&self, call: &Call) -> Result<OwnedFd, Failed> {
        let packet = encode(call).ok_or(Failed::TooLong)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).map_err(io::Error::from)?;
        let send = || send_fds(&self.0, &packet, &[theirs.as_fd()]);
        self.0.async_io(Interest::WRITABLE, send).await?;
        Ok(ours)
    }
}
