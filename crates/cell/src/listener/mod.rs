//! Accepts connections and hands each to a task of its own.

mod connection;
mod framing;
mod watch;

use std::rc::Rc;

use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch::Receiver;
use tombolo_listen::{Accepted, Socket, Stream, Tls};

pub(crate) use connection::{Closing, Protocols};
pub use watch::Patience;
pub(crate) use watch::Watch;

use crate::path::{Door, DoorKind};
use crate::worker::Worker;

/// What comes in through one listening socket, and how it is spoken to.
pub(crate) struct Entrance {
    pub(crate) socket: Socket,
    pub(crate) kind: DoorKind,
    pub(crate) tls: Option<Tls>,
    /// Whether it is accepted from; `None` is always.
    pub(crate) open: Option<Receiver<bool>>,
}

/// Why an entrance accepts no more.
enum Over {
    /// The worker ends.
    Ended,
    /// Somebody else accepts for now.
    Left,
}

impl Entrance {
    /// Accepts whenever it is open, until the worker closes. Each time it is left its connections end.
    pub(crate) async fn serve(mut self, worker: Rc<Worker>, protocols: Protocols) {
        loop {
            let closing = Rc::default();
            let over = self.accept(&worker, &protocols, &closing).await;
            closing.begin();
            if let Over::Ended = over {
                return;
            }
        }
    }

    async fn accept(&mut self, worker: &Rc<Worker>, protocols: &Protocols, closing: &Rc<Closing>) -> Over {
        tokio::select! {
            () = worker.closing.begun() => return Over::Ended,
            () = until(&mut self.open, true) => {}
        }
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = self.socket.accept() => accepted,
                // What was already waiting is still accepted.
                () = worker.closing.begun() => match self.socket.accept().now_or_never() {
                    Some(accepted) => accepted,
                    None => return Over::Ended,
                },
                () = until(&mut self.open, false) => return Over::Left,
            };
            self.spawn(accepted, worker, protocols, closing);
            // A flood of newcomers waits in the kernel's queue, not before those who are already here.
            tokio::task::yield_now().await;
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

/// Waits until an entrance is open, or is not.
async fn until(open: &mut Option<Receiver<bool>>, is_open: bool) {
    let changed = match open {
        Some(open) => open.wait_for(|open| *open == is_open).await.is_ok(),
        None => is_open,
    };
    if !changed {
        // It will not change any more.
        std::future::pending().await
    }
}

async fn serve<T>(stream: T, tls: Option<Tls>, door: Door, protocols: Protocols, closing: Rc<Closing>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    match tls {
        None => protocols.serve(stream, false, door, closing).await,
        // In a box: connections without TLS need no room for it.
        Some(tls) => Box::pin(greet(stream, tls, door, protocols, closing)).await,
    }
}

async fn greet<T>(stream: T, tls: Tls, door: Door, protocols: Protocols, closing: Rc<Closing>)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    // A handshake that fails, or takes too long, is the client's affair.
    let Ok(Ok(stream)) = tokio::time::timeout(protocols.patience().head, tls.accept(stream)).await else {
        return;
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    protocols.serve(stream, is_http2, door, closing).await;
}
