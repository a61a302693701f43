//! Gathers what the connections of a worker have to send, and sends it together.
//!
//! Sending on a socket wakes whoever waits at its other end, and on the same machine that costs more than most guests.
//! So an answer waits until the requests that are ready now have been worked on: their answers leave one after the
//! other, and a client with several of them is woken once. A worker with one request sends at once after it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Answers that wait at most; the next one sends them all.
const WAITING_MAX: usize = 8;
/// How long an answer waits at most while other requests begin.
const WAITING_TIME: Duration = Duration::from_micros(200);
/// What is gathered of one connection; more is sent as it comes.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// What one worker has to send.
#[derive(Default)]
pub(crate) struct Outbox {
    waiting: RefCell<Vec<Rc<dyn Send>>>,
    since: Cell<Option<Instant>>,
    wake: Notify,
}

/// A connection with something to send.
trait Send {
    fn send(&self);
}

impl Outbox {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.since.get().is_none()
    }

    /// Sends everything that waits.
    pub(crate) fn send(&self) {
        self.since.set(None);
        let mut waiting = self.waiting.take();
        waiting.drain(..).for_each(|connection| connection.send());
        let mut now = self.waiting.borrow_mut();
        if now.is_empty() {
            *now = waiting;
        }
    }

    /// Sends what has waited for too long; to be called before work that takes time.
    pub(crate) fn send_overdue(&self) {
        if self.since.get().is_some_and(|since| since.elapsed() >= WAITING_TIME) {
            self.send();
        }
    }

    /// Sends whenever the tasks that were ready before have run, and calls `sent` afterwards.
    pub(crate) async fn keep_sending(&self, sent: impl Fn()) {
        loop {
            self.wake.notified().await;
            self.send();
            sent();
        }
    }

    fn join(&self, connection: Rc<dyn Send>) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(connection);
        if waiting.len() >= WAITING_MAX {
            drop(waiting);
            self.send();
        } else if self.since.get().is_none() {
            self.since.set(Some(Instant::now()));
            self.wake.notify_one();
        }
    }
}

/// A connection's bytes; those that go out wait in the worker's outbox.
pub(crate) struct Gathered<T> {
    line: Rc<Line<T>>,
    outbox: Rc<Outbox>,
}

struct Line<T> {
    io: RefCell<T>,
    bytes: RefCell<Vec<u8>>,
    /// In the outbox.
    waits: Cell<bool>,
    /// Who drives this connection, for when the client does not take the bytes.
    driver: RefCell<Option<Waker>>,
    failure: Cell<Option<io::Error>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Gathered<T> {
    pub(crate) fn new(io: T, outbox: Rc<Outbox>) -> Gathered<T> {
        let line = Line {
            io: RefCell::new(io),
            bytes: RefCell::default(),
            waits: Cell::new(false),
            driver: RefCell::default(),
            failure: Cell::new(None),
        };
        Gathered { line: Rc::new(line), outbox }
    }

    /// Keeps the slices for the outbox if there is room for all of them.
    fn gather(&self, cx: &Context<'_>, slices: &[io::IoSlice<'_>]) -> Option<usize> {
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let mut bytes = self.line.bytes.borrow_mut();
        if bytes.len() + length > GATHERED_BYTES_MAX {
            return None;
        }
        slices.iter().for_each(|slice| bytes.extend_from_slice(slice));
        drop(bytes);
        self.line.driven_by(cx.waker());
        if length > 0 && !self.line.waits.replace(true) {
            self.outbox.join(Rc::clone(&self.line) as Rc<dyn Send>);
        }
        Some(length)
    }

    fn write(&self, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Some(failure) = self.line.failure.take() {
            return Poll::Ready(Err(failure));
        }
        if let Some(length) = self.gather(cx, slices) {
            return Poll::Ready(Ok(length));
        }
        ready!(self.line.poll_send(cx))?;
        Pin::new(&mut *self.line.io.borrow_mut()).poll_write_vectored(cx, slices)
    }
}

impl<T: AsyncWrite + Unpin> Line<T> {
    fn driven_by(&self, waker: &Waker) {
        let mut driver = self.driver.borrow_mut();
        if !driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }

    /// Sends what was gathered, as far as the client takes it.
    fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (mut io, mut bytes) = (self.io.borrow_mut(), self.bytes.borrow_mut());
        let mut sent = 0;
        let result = loop {
            if sent == bytes.len() {
                break Poll::Ready(Ok(()));
            }
            match Pin::new(&mut *io).poll_write(cx, &bytes[sent..]) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(length)) => sent += length,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        bytes.drain(..sent);
        match result {
            Poll::Ready(Ok(())) => Pin::new(&mut *io).poll_flush(cx),
            other => other,
        }
    }
}

impl<T: AsyncWrite + Unpin> Send for Line<T> {
    fn send(&self) {
        self.waits.set(false);
        let result = self.poll_send(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Ok(())) = result {
            return;
        }
        if let Poll::Ready(Err(error)) = result {
            self.bytes.borrow_mut().clear();
            self.failure.set(Some(error));
        }
        // The connection's own task goes on: it waits for the client, or learns why it can't be answered.
        if let Some(driver) = &*self.driver.borrow() {
            driver.wake_by_ref();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Gathered<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.line.io.borrow_mut()).poll_read(cx, to)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + 'static> AsyncWrite for Gathered<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What waits in the outbox counts as sent; what the client would not take does not.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(failure) = self.line.failure.take() {
            return Poll::Ready(Err(failure));
        }
        self.line.driven_by(cx.waker());
        if self.line.waits.get() { Poll::Ready(Ok(())) } else { self.line.poll_send(cx) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.line.poll_send(cx))?;
        Pin::new(&mut *self.line.io.borrow_mut()).poll_shutdown(cx)
    }
}
