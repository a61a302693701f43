//! The two directions of a connection, for WASI 0.2.

use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

/// The most that is read or written at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// What comes in.
pub(super) struct Reader(pub(super) Arc<TcpStream>);

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        // An error is seen by the read that follows.
        let _ = self.0.readable().await;
    }
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut bytes = BytesMut::zeroed(size.min(CHUNK_BYTES_MAX));
        match self.0.try_read(&mut bytes) {
            Ok(0) => Err(StreamError::Closed),
            Ok(read) => {
                bytes.truncate(read);
                Ok(bytes.freeze())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Bytes::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// What goes out, of a socket that may be told to end it.
#[derive(Clone)]
pub(super) struct Outgoing(Arc<Outbox>);

impl Outgoing {
    pub(super) fn new(stream: Arc<TcpStream>) -> Outgoing {
        Outgoing(Arc::new(Outbox { stream, rest: Mutex::default(), sent: Notify::new() }))
    }

    /// The peer learns that no more comes, after what has been written.
    pub(super) fn end(&self) {
        let mut rest = self.0.rest();
        match rest.bytes.is_empty() {
            true => end(&self.0.stream, Shutdown::Write),
            false => rest.is_ending = true,
        }
    }
}

/// The stream of what goes out. What the kernel does not take at once is sent on by a task, which ends with its time at the latest.
pub(super) struct Writer {
    outgoing: Outgoing,
    patience: Duration,
}

struct Outbox {
    stream: Arc<TcpStream>,
    rest: Mutex<Rest>,
    sent: Notify,
}

#[derive(Default)]
struct Rest {
    bytes: Bytes,
    failed: Option<io::Error>,
    is_ending: bool,
}

impl Writer {
    pub(super) fn new(outgoing: Outgoing, patience: Duration) -> Writer {
        Writer { outgoing, patience }
    }
}

impl Outbox {
    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is left as far as the kernel takes it; whether all is sent.
    fn send(&self) -> io::Result<bool> {
        let mut rest = self.rest();
        while !rest.bytes.is_empty() {
            match self.stream.try_write(&rest.bytes) {
                Ok(sent) => rest.bytes.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    async fn send_rest(&self, patience: Duration) {
        let sent = timeout(patience, async {
            while !self.send()? {
                self.stream.writable().await?;
            }
            Ok(())
        });
        let sent = sent.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut rest = self.rest();
        rest.bytes = Bytes::new();
        rest.failed = sent.err();
        if rest.is_ending {
            end(&self.stream, Shutdown::Write);
        }
        drop(rest);
        self.sent.notify_waiters();
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        loop {
            let sent = self.outgoing.0.sent.notified();
            if self.outgoing.0.rest().bytes.is_empty() {
                return;
            }
            sent.await;
        }
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn check_write(&mut self) -> StreamResult<usize> {
        let mut rest = self.outgoing.0.rest();
        if let Some(error) = rest.failed.take() {
            return Err(failed(error));
        }
        Ok(if rest.bytes.is_empty() { CHUNK_BYTES_MAX } else { 0 })
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        {
            let mut rest = self.outgoing.0.rest();
            if !rest.bytes.is_empty() || bytes.len() > CHUNK_BYTES_MAX {
                return Err(StreamError::trap("more is written than check-write permitted"));
            }
            rest.bytes = bytes;
        }
        if !self.outgoing.0.send().map_err(failed)? {
            let (outbox, patience) = (Arc::clone(&self.outgoing.0), self.patience);
            tokio::spawn(async move { outbox.send_rest(patience).await });
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.outgoing.end();
    }
}

/// Ends a direction of a connection, which may have ended already.
pub(super) fn end(stream: &TcpStream, how: Shutdown) {
    let how = match how {
        Shutdown::Read => rustix::net::Shutdown::Read,
        Shutdown::Write => rustix::net::Shutdown::Write,
        Shutdown::Both => rustix::net::Shutdown::Both,
    };
    let _ = rustix::net::shutdown(stream, how);
}

fn failed(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.into()),
    }
}
