//! A way by which one process hands connections to another: no path, no address, nothing that a third could connect to.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tombolo_sandbox::{recv_fds, send_fds};

/// The byte that carries a connection's other end.
const CONNECTION: &[u8] = b"c";

/// The end of a passage at which connections begin. At the other end they are accepted, by a
/// [`Listener::passed`](crate::Listener::passed).
#[derive(Debug)]
pub struct Passage(UnixStream);

impl Passage {
    /// A passage, and its other end for another process.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn new() -> io::Result<(Passage, OwnedFd)> {
        let (ours, theirs) = pair()?;
        Ok((Passage(ours.into()), theirs))
    }

    /// A passage that another process made and gave to this one.
    pub fn given(passage: OwnedFd) -> Passage {
        Passage(passage.into())
    }

    /// Begins a connection, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` while the other process has not accepted those before; another one when it is gone, or when this
    /// process has no descriptors left.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let (ours, theirs) = pair()?;
        send_fds(&self.0, CONNECTION, &[theirs.as_fd()])?;
        Ok(ours.into())
    }
}

impl AsFd for Passage {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The next connection at the other end; `None` when nobody is left who could begin one.
pub(crate) fn accept(passage: impl AsFd) -> io::Result<Option<UnixStream>> {
    let (bytes, connections) = recv_fds(passage, &mut [0])?;
    match connections.into_iter().next() {
        Some(connection) => {
            rustix::io::ioctl_fionbio(&connection, true)?;
            Ok(Some(connection.into()))
        }
        None if bytes == 0 => Ok(None),
        None => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn what_is_written_into_a_connection_comes_out_at_the_other_end() {
        let (passage, other) = Passage::new().expect("a passage");
        let other = UnixStream::from(other);
        let mut ours = passage.connect().expect("a connection");
        let mut theirs = accept(&other).expect("accepted").expect("one");
        ours.write_all(b"hello").expect("written");
        let mut bytes = [0; 5];
        theirs.read_exact(&mut bytes).expect("read");
        assert_eq!(&bytes, b"hello");
    }

    #[test]
    fn nobody_waits_for_a_process_that_accepts_nothing_or_is_gone() {
        let (passage, other) = Passage::new().expect("a passage");
        let other = UnixStream::from(other);
        assert_eq!(accept(&other).expect_err("none yet").kind(), io::ErrorKind::WouldBlock);
        let mut begun = Vec::new();
        let full = loop {
            match passage.connect() {
                Ok(connection) => begun.push(connection),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(begun.len() > 16, "{}", begun.len());
        drop(other);
        assert!(passage.connect().is_err());
        let (passage, other) = Passage::new().expect("a passage");
        drop(passage);
        assert!(accept(UnixStream::from(other)).expect("no error").is_none());
    }
}
