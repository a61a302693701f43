//! Connections to cells, kept open between requests.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::UnixStream;
use tombolo_listen::Passage;
use tower_service::Service;

use crate::forward::Body;

/// Shorter than a cell's own patience with idle connections, so that it is not the cell that closes first.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Idle connections that each worker keeps to each cell.
const IDLE_MAX: usize = 64;
/// How often, and after what pause, a cell is tried that has not accepted the connections before.
const CONNECT_TRIES: u32 = 500;
const CONNECT_PAUSE: Duration = Duration::from_millis(2);

/// A worker's connections to all cells.
pub(crate) type Pool = Client<ToCell, Body>;

/// A pool of connections to the cells behind these passages.
pub(crate) fn pool(passages: Passages) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_timer(TokioTimer::new())
        .build(ToCell { passages })
}

/// The target under which the pool knows a cell.
pub(crate) fn target(cell: u64, path_and_query: &str) -> Result<Uri, http::Error> {
    Uri::builder().scheme("http").authority(format!("{cell}.cell")).path_and_query(path_and_query).build()
}

/// The passages to all cells, by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Passages(Arc<ArcSwap<BTreeMap<u64, Arc<Passage>>>>);

impl Passages {
    pub(crate) fn add(&self, cell: u64, passage: Passage) {
        let mut all = BTreeMap::clone(&self.0.load());
        all.insert(cell, Arc::new(passage));
        self.0.store(Arc::new(all));
    }

    pub(crate) fn keep(&self, is_kept: impl Fn(u64) -> bool) {
        let mut all = BTreeMap::clone(&self.0.load());
        all.retain(|cell, _| is_kept(*cell));
        self.0.store(Arc::new(all));
    }

    /// A connection to a cell; one that has many to accept is given time for it.
    async fn connect(&self, cell: u64) -> io::Result<UnixStream> {
        let passage = self.0.load().get(&cell).map(Arc::clone).ok_or(io::ErrorKind::NotFound)?;
        for _ in 0..CONNECT_TRIES {
            match passage.connect() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                connected => return UnixStream::from_std(connected?),
            }
            tokio::time::sleep(CONNECT_PAUSE).await;
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Connects to the cell that a target names.
#[derive(Debug, Clone)]
pub(crate) struct ToCell {
    passages: Passages,
}

impl Service<Uri> for ToCell {
    type Response = CellStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<CellStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let cell = target.host().and_then(|host| host.strip_suffix(".cell")?.parse().ok());
        let passages = self.passages.clone();
        Box::pin(async move {
            let cell = cell.ok_or(io::ErrorKind::InvalidInput)?;
            passages.connect(cell).await.map(|stream| CellStream(TokioIo::new(stream)))
        })
    }
}

/// A connection to a cell.
#[derive(Debug)]
pub(crate) struct CellStream(TokioIo<UnixStream>);

impl Connection for CellStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for CellStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for CellStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
