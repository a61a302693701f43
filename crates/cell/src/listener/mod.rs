//! Accepts connections and hands each to a task of its own.

mod connection;
mod framing;
mod outbox;
mod watch;

use std::rc::Rc;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tombolo_listen::{Accepted, Socket, Stream, Tls};

pub(crate) use connection::{Closing, Protocols};
pub(crate) use outbox::Outbox;
pub use watch::Patience;
pub(crate) use watch::Watch;

use crate::path::{Door, DoorKind};
use crate::worker::Worker;

/// What comes in through one listening socket, and how it is spoken to.
pub(crate) struct Entrance {
    pub(crate) socket: Socket,
    pub(crate) kind: DoorKind,
    pub(crate) tls: Option<Tls>,
}

impl Entrance {
    /// Accepts until the worker closes, and then what was already waiting.
    pub(crate) async fn serve(self, worker: Rc<Worker>, protocols: Protocols, closing: Rc<Closing>) {
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.socket.accept() => accepted,
                () = closing.begun() => match self.socket.accept().now_or_never() {
                    Some(accepted) => accepted,
                    None => return,
                },
            };
            self.spawn(accepted, &worker, &protocols, &closing);
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
