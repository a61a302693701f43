//! What a connection is doing and since when, seen from its bytes; and when that has taken too long.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::HeadScan;

/// How long a client may take. Each has a default in [`Patience::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From a request's first byte to the end of its headers; also for the TLS handshake.
    pub head: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
    /// Without reading a byte of a response that waits to be sent.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let seconds = Duration::from_secs;
        Patience { head: seconds(10), idle: seconds(75), write: seconds(30) }
    }
}

/// How long a connection that is to end waits for a request: the client sent it before it could know.
const LAST_REQUEST: Duration = Duration::from_millis(250);

/// One connection's state, shared between its bytes, its requests and its supervisor.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Requests that are being answered.
    in_flight: Cell<u32>,
    /// When the last request ended, or the connection began.
    idle_since: Cell<Instant>,
    /// When the first byte of the next request came.
    head_since: Cell<Option<Instant>>,
    /// Since when the client has not taken a byte that waits for it.
    write_since: Cell<Option<Instant>>,
    /// Whether any byte came.
    has_begun: Cell<bool>,
    scan: RefCell<HeadScan>,
    /// Requests on this connection have a head each (HTTP/1); else they share the bytes (HTTP/2).
    one_by_one: bool,
}

impl Watch {
    pub(crate) fn new(one_by_one: bool) -> Rc<Watch> {
        Rc::new(Watch {
            in_flight: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
            head_since: Cell::new(None),
            write_since: Cell::new(None),
            has_begun: Cell::new(false),
            scan: RefCell::default(),
            one_by_one,
        })
    }

    /// A request's head is complete. Gives when it began to arrive.
    pub(crate) fn request_began(&self) -> Instant {
        self.in_flight.set(self.in_flight.get() + 1);
        self.head_since.take().unwrap_or_else(Instant::now)
    }

    /// A request was answered, or given up.
    pub(crate) fn request_ended(&self, now: Instant) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        self.idle_since.set(now);
        if self.one_by_one {
            self.scan.borrow_mut().restart();
        }
    }

    /// Whether the head that came last announced its body's length in two ways.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.scan.borrow().is_ambiguous()
    }

    /// Whether the client can be told that a connection ends: with the answer to a request (HTTP/1), or as soon as it has
    /// said that it speaks HTTP/2.
    pub(crate) fn can_say_goodbye(&self) -> bool {
        if self.one_by_one { self.in_flight.get() > 0 } else { self.has_begun.get() }
    }

    /// Until when the client must have done what it is expected to do; `None` while it is the guest's turn.
    /// A connection that is to end `closing` since then ends sooner.
    pub(crate) fn deadline(&self, patience: &Patience, closing: Option<Instant>) -> Option<Instant> {
        let write = self.write_since.get().map(|since| since + patience.write);
        let read = match (self.in_flight.get(), self.head_since.get()) {
            (0, Some(since)) => Some(since + patience.head),
            (0, None) => {
                let idle = self.idle_since.get() + patience.idle;
                let closing = closing.filter(|_| self.write_since.get().is_none());
                let last = closing.map(|closing| closing.max(self.idle_since.get()) + LAST_REQUEST);
                Some(last.map_or(idle, |last| last.min(idle)))
            }
            _ => None,
        };
        match (write, read) {
            (Some(write), Some(read)) => Some(write.min(read)),
            (write, read) => write.or(read),
        }
    }

    fn did_read(&self, bytes: &[u8]) {
        self.has_begun.set(self.has_begun.get() || !bytes.is_empty());
        if self.one_by_one && self.in_flight.get() == 0 && !bytes.is_empty() {
            if self.head_since.get().is_none() {
                self.head_since.set(Some(Instant::now()));
            }
            self.scan.borrow_mut().feed(bytes);
        }
    }

    fn did_write(&self, progress: bool) {
        if progress {
            self.write_since.set(None);
        } else if self.write_since.get().is_none() {
            self.write_since.set(Some(Instant::now()));
        }
    }
}

/// A connection's bytes, watched.
pub(crate) struct Watched<T> {
    io: T,
    watch: Rc<Watch>,
}

impl<T> Watched<T> {
    pub(crate) fn new(io: T, watch: Rc<Watch>) -> Watched<T> {
        Watched { io, watch }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, to))?;
        self.watch.did_read(&to.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> Watched<T> {
    fn wrote<R>(&self, result: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        self.watch.did_write(result.is_ready());
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
