//! Accepts connections, each a task of its own on the worker's thread.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::forward::{Door, serve};
use crate::places::{Place, Places};
use crate::pool::Pool;
use crate::table::Current;

/// Connections that each worker holds at most.
const CONNECTIONS_MAX: u32 = 10_000;
/// From a request's first byte to the end of its head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// A pause before accepting again when the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long what has begun may go on when the gateway ends.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// One worker's part of the gateway.
pub(crate) struct Worker {
    pub(crate) table: Current,
    pub(crate) pool: Pool,
    pub(crate) drain: watch::Receiver<bool>,
}

impl Worker {
    /// Serves until told to drain, and then until all that has begun is answered.
    pub(crate) async fn serve(mut self, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
        let places = Places::new(CONNECTIONS_MAX);
        let mut accepting = Vec::new();
        for listener in listeners {
            let (listener, places) = (TcpListener::from_std(listener)?, places.clone());
            let worker =
                Worker { table: self.table.clone(), pool: self.pool.clone(), drain: self.drain.clone() };
            accepting.push(tokio::spawn(worker.accept(listener, places)));
        }
        let _ = self.drain.wait_for(|drain| *drain).await;
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        let _ = tokio::time::timeout(DRAIN_TIME, places.empty()).await;
        Ok(())
    }

    async fn accept(self, listener: TcpListener, places: Places) {
        loop {
            // Those for whom there is no place wait in the kernel's queue.
            let Some(place) = places.take().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let door = Door { table: self.table.clone(), pool: self.pool.clone(), peer: peer.ip() };
                    tokio::spawn(connection(stream, door, Arc::new(place), self.drain.clone()));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

/// Serves one connection to its end. How it ends is the client's affair.
async fn connection(stream: TcpStream, door: Door, place: Arc<Place>, mut drain: watch::Receiver<bool>) {
    // Small answers should not wait for an acknowledgement; without the option they are slower and right.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).half_close(false);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let taken = Arc::clone(&place);
    let service = service_fn(move |request| {
        let (door, taken) = (door.clone(), Arc::clone(&taken));
        async move { taken.during(serve(door, request)).await }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = place.is_needed() => connection.as_mut().graceful_shutdown(),
        _ = drain.wait_for(|drain| *drain) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Errors that `accept` reports for a connection that is already gone.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
