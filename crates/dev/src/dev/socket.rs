//! The listening socket of a session. It outlives each server, so that no connection is refused between two of them.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::error::DevError;

/// Connections that wait to be accepted, at most.
const BACKLOG: i32 = 1024;

/// A socket at an address that nobody else can have.
pub(super) struct Socket {
    socket: OwnedFd,
    address: SocketAddr,
}

impl Socket {
    /// Takes the address. Connections are refused until [`Socket::listen`]: nobody should wait for a first build that
    /// may fail.
    pub(super) fn bind(address: SocketAddr) -> Result<Socket, DevError> {
        let bind = || -> std::io::Result<Socket> {
            let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
            let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_reuseaddr(&socket, true)?;
            rustix::net::bind(&socket, &address)?;
            let address = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
            Ok(Socket { socket, address })
        };
        bind().map_err(|source| DevError::Listen { address, source })
    }

    /// From now on connections are accepted, or wait for a server to accept them.
    pub(super) fn listen(&self) -> Result<(), DevError> {
        let failed =
            |error: rustix::io::Errno| DevError::Listen { address: self.address, source: error.into() };
        rustix::net::listen(&self.socket, BACKLOG).map_err(failed)
    }

    /// With the port that the kernel chose, if it was asked to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// For a server to accept from.
    pub(super) fn share(&self) -> Result<OwnedFd, DevError> {
        self.socket.try_clone().map_err(|source| DevError::Listen { address: self.address, source })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn an_address_is_taken_at_once_and_answers_only_when_something_listens() {
        let socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert!(TcpStream::connect(socket.address()).is_err());
        socket.listen().unwrap();
        assert!(TcpStream::connect(socket.address()).is_ok());
        let taken = Socket::bind(socket.address()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(taken.contains("--listen"), "{taken}");
    }
}
