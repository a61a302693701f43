//! Accepts connections and hands each to a task of its own.

mod bind;
mod connection;
mod framing;
mod outbox;
mod tls;
mod watch;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

pub(crate) use bind::Sockets;
pub use bind::{ListenAddress, ListenError, Listener};
pub(crate) use connection::{Closing, Protocols};
pub(crate) use outbox::Outbox;
pub use tls::{Tls, TlsError, TlsFiles, TlsPems};
pub use watch::Patience;
pub(crate) use watch::Watch;

use crate::path::{Door, DoorKind};
use crate::worker::Worker;

/// A pause before accepting again when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A worker's end of a listening socket.
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What comes in through one listening socket, and how it is spoken to.
pub(crate) struct Entrance {
    pub(crate) socket: Socket,
    pub(crate) kind: DoorKind,
    pub(crate) tls: Option<Tls>,
}

impl Listener {
    /// The socket for the worker at `index`; needs that worker's runtime.
    pub(crate) fn for_worker(&self, index: usize) -> io::Result<Socket> {
        match &self.sockets {
            Sockets::Tcp(sockets) => {
                let socket = sockets[index % sockets.len()].try_clone()?;
                TcpListener::from_std(socket).map(Socket::Tcp)
            }
            Sockets::Unix(socket) => UnixListener::from_std(socket.try_clone()?).map(Socket::Unix),
        }
    }
}

impl Entrance {
    /// Accepts until the worker closes, and then what was already waiting.
    pub(crate) async fn serve(self, worker: Rc<Worker>, protocols: Protocols, closing: Rc<Closing>) {
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.accept() => accepted,
                () = closing.begun() => match futures::FutureExt::now_or_never(self.accept()) {
                    Some(accepted) => accepted,
                    None => return,
                },
            };
            match accepted {
                Ok(connection) => self.spawn(connection, &worker, &protocols, &closing),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
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
        }
    }

    fn spawn(&self, accepted: Accepted, worker: &Rc<Worker>, protocols: &Protocols, closing: &Rc<Closing>) {
        let Some(place) = worker.connection() else { return };
        let door = Door {
            worker: Rc::clone(worker),
            kind: self.kind,
            is_tls: self.tls.is_some(),
            peer: accepted.peer,
            local: accepted.local,
        };
        let (protocols, closing, tls) = (protocols.clone(), Rc::clone(closing), self.tls.clone());
        tokio::task::spawn_local(async move {
            let _place = place;
            match accepted.stream {
                Stream::Tcp(stream) => serve(stream, tls, door, protocols, closing).await,
                Stream::Unix(stream) => serve(stream, tls, door, protocols, closing).await,
            }
        });
    }
}

struct Accepted {
    stream: Stream,
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn serve<T>(stream: T, tls: Option<Tls>, door: Door, protocols: Protocols, closing: Rc<Closing>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let Some(tls) = tls else {
        return protocols.serve(stream, false, door, closing).await;
    };
    // A handshake that fails, or takes too long, is the client's affair.
    let Ok(Ok(stream)) = tokio::time::timeout(protocols.patience().head, tls.accept(stream)).await else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    protocols.serve(stream, is_http2, door, closing).await;
}

/// Errors that `accept` reports for a connection that is already gone.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
