//! Gathers what the connections of a worker have to send, and sends it together.
//!
//! Sending on a socket wakes whoever waits at its other end, and on the same machine that costs more than most guests.
//! So what is written waits until all that is ready now has been worked on: it leaves one after the other, and a peer
//! with several connections is woken once. A worker with one request sends at once after it.

use std::cell::{Cell, RefCell};
use std::fmt;
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
pub struct Outbox {
    waiting: RefCell<Vec<Rc<dyn Waiting>>>,
    since: Cell<Option<Instant>>,
    wake: Notify,
}

/// A connection with something to send.
trait Waiting {
    fn send(&self);
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.since.get().is_none()
    }

    /// Sends everything that waits.
    pub fn send(&self) {
        self.since.set(None);
        self.waiting.take().iter().for_each(|connection| connection.send());
    }

    /// Sends what has waited for too long; to be called before work that takes time.
    pub fn send_overdue(&self) {
        if self.since.get().is_some_and(|since| since.elapsed() >= WAITING_TIME) {
            self.send();
        }
    }

    /// Sends whenever the tasks that were ready before have run, and calls `sent` afterwards.
    pub async fn keep_sending(&self, sent: impl Fn()) {
        loop {
            self.wake.notified().await;
            self.send();
            sent();
        }
    }

    fn join(&self, connection: Rc<dyn Waiting>) {
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
pub struct Gathered<T> {
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
    /// Bytes of `io`; what is written to it leaves with what else is in `outbox`.
    pub fn new(io: T, outbox: Rc<Outbox>) -> Gathered<T> {
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
            self.outbox.join(Rc::clone(&self.line) as Rc<dyn Waiting>);
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

impl<T: AsyncWrite + Unpin> Waiting for Line<T> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    /// A connection whose peer takes `room` bytes before it reads.
    fn connection(outbox: &Rc<Outbox>, room: usize) -> (Gathered<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(room);
        (Gathered::new(ours, Rc::clone(outbox)), theirs)
    }

    /// What has reached the peer.
    fn arrived(peer: &mut DuplexStream) -> String {
        let mut bytes = [0; 64];
        match peer.read(&mut bytes).now_or_never() {
            Some(length) => String::from_utf8_lossy(&bytes[..length.expect("read")]).into_owned(),
            None => String::new(),
        }
    }

    #[tokio::test]
    async fn answers_wait_for_each_other_and_leave_together() {
        let outbox = Rc::new(Outbox::default());
        let (mut one, mut first) = connection(&outbox, 64);
        let (mut other, mut second) = connection(&outbox, 64);
        one.write_all(b"head ").await.expect("room");
        one.write_all(b"body").await.expect("room");
        other.write_all(b"answer").await.expect("room");
        one.flush().await.expect("what waits counts as sent");
        assert_eq!((arrived(&mut first), outbox.is_empty()), (String::new(), false));
        outbox.send();
        assert_eq!((arrived(&mut first), arrived(&mut second)), ("head body".into(), "answer".into()));
        assert!(outbox.is_empty());
    }

    #[tokio::test]
    async fn a_full_outbox_sends_at_once() {
        let outbox = Rc::new(Outbox::default());
        let mut connections: Vec<_> = (0..WAITING_MAX).map(|_| connection(&outbox, 64)).collect();
        for (connection, _) in &mut connections {
            connection.write_all(b"answer").await.expect("room");
        }
        assert!(connections.iter_mut().all(|(_, peer)| arrived(peer) == "answer"));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_take_its_answer_holds_up_only_itself() {
        let outbox = Rc::new(Outbox::default());
        let (mut slow, mut peer) = connection(&outbox, 4);
        let (mut other, mut second) = connection(&outbox, 64);
        slow.write_all(b"0123456789").await.expect("gathered");
        other.write_all(b"answer").await.expect("gathered");
        outbox.send();
        assert_eq!(arrived(&mut second), "answer");
        assert!(slow.flush().now_or_never().is_none(), "the rest waits for the peer");
        let (flushed, ()) = tokio::join!(slow.flush(), async {
            assert_eq!(
                [arrived(&mut peer), peek(&mut peer).await, peek(&mut peer).await].concat(),
                "0123456789"
            );
        });
        flushed.expect("all was taken");
    }

    async fn peek(peer: &mut DuplexStream) -> String {
        let mut bytes = [0; 4];
        let length = peer.read(&mut bytes).await.expect("read");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error_of_the_next_write() {
        let outbox = Rc::new(Outbox::default());
        let (mut connection, peer) = connection(&outbox, 64);
        connection.write_all(b"answer").await.expect("gathered");
        drop(peer);
        outbox.send();
        let error = connection.write_all(b"more").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[tokio::test]
    async fn closing_sends_what_waits_and_much_is_sent_as_it_comes() {
        let outbox = Rc::new(Outbox::default());
        let (mut connection, mut peer) = connection(&outbox, 2 * GATHERED_BYTES_MAX);
        connection.write_all(b"answer").await.expect("gathered");
        connection.write_all(&vec![b'x'; GATHERED_BYTES_MAX]).await.expect("room");
        assert!(arrived(&mut peer).starts_with("answerxxx"), "in order, and at once");
        connection.write_all(b"end").await.expect("gathered");
        connection.shutdown().await.expect("sent");
        let mut all = Vec::new();
        peer.read_to_end(&mut all).await.expect("read");
        assert!(all.ends_with(b"xend"));
    }
}
