//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::passage;

/// A pause before accepting again when the process has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// One thread's end of a listening socket.
#[derive(Debug)]
pub enum Socket {
    /// Of an address and port.
    Tcp(TcpListener),
    /// Of a socket file.
    Unix(UnixListener),
    /// Of a passage.
    Passed(UnixStream),
}

/// A connection that came in.
#[derive(Debug)]
pub struct Accepted {
    /// Its bytes.
    pub stream: Stream,
    /// Who is at its other end; nobody can say of a Unix socket.
    pub peer: Option<SocketAddr>,
    /// At which address it came in.
    pub local: Option<SocketAddr>,
}

/// A connection's bytes.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP, without waiting to make small answers larger.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// The next connection. What fails for one connection alone, or passes, is waited out. Cancelling it loses none.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.try_accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn try_accept(&self) -> io::Result<Accepted> {
        match self {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr().ok();
                Ok(Accepted { stream: Stream::Tcp(stream), peer: Some(peer), local })
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Accepted { stream: Stream::Unix(stream), peer: None, local: None })
            }
            Socket::Passed(passage) => {
                let Some(stream) = passage.async_io(Interest::READABLE, || passage::accept(passage)).await?
                else {
                    return std::future::pending().await;
                };
                Ok(Accepted { stream: Stream::Unix(UnixStream::from_std(stream)?), peer: None, local: None })
            }
        }
    }
}

/// Errors that `accept` reports for a connection that is already gone.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
