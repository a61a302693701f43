//! The streams of one guest: however many handles it opens, they lead to the same place and share one budget.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use tombolo_engine::LimitHit;

use super::lines::{LINE_BYTES_MAX, LineBuffer, cut_text};
use super::{Input, LogLevel, LogStream, Output, Stdio};

/// The most that one write takes over from a guest, in bytes.
pub(super) const PERMIT_BYTES: usize = 64 * 1024;

/// The longest context of a logged message; what is longer is cut.
const CONTEXT_BYTES_MAX: usize = 256;

/// Nobody reads the guest's output any more. A native program would have got SIGPIPE; the guest is trapped with
/// this, so that a program which ignores write errors ends as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader of the program's output is gone")]
pub struct ClosedPipe;

/// Why a guest's output went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputEnd {
    /// Nobody reads it any more.
    Closed,
    /// It was more than the limit says.
    Limit(LimitHit),
}

/// Why bytes could not be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    Closed(ClosedPipe),
    Limit(LimitHit),
    Io(io::Error),
}

/// Standard streams that become shared when the guest first touches one: most instances of a server never do.
pub(crate) struct Slot {
    unused: Stdio,
    limit: Option<LimitHit>,
    used: Option<Arc<Shared>>,
}

impl Slot {
    /// `limit` is what a guest hits that writes more than it says.
    pub(crate) fn new(stdio: Stdio, limit: Option<LimitHit>) -> Slot {
        Slot { unused: stdio, limit, used: None }
    }

    /// The guest's streams, opened with the first call.
    pub(crate) fn open(&mut self) -> &Arc<Shared> {
        self.used.get_or_insert_with(|| {
            let stdio = std::mem::replace(&mut self.unused, Stdio::null());
            Arc::new(Shared::new(stdio, self.limit))
        })
    }

    /// Why the guest's output went no further, once it did not.
    pub(crate) fn ended(&self) -> Option<OutputEnd> {
        self.used.as_ref()?.ended.get().copied()
    }
}

/// The three streams of one guest.
pub(crate) struct Shared {
    stdin: Input,
    stdout: Channel,
    stderr: Channel,
    left_bytes: AtomicU64,
    limit: Option<LimitHit>,
    ended: OnceLock<OutputEnd>,
}

pub(super) struct Channel {
    pub(super) output: Output,
    lines: Mutex<LineBuffer>,
}

impl Shared {
    fn new(stdio: Stdio, limit: Option<LimitHit>) -> Shared {
        let channel = |output| Channel { output, lines: Mutex::default() };
        Shared {
            stdin: stdio.stdin,
            stdout: channel(stdio.stdout),
            stderr: channel(stdio.stderr),
            left_bytes: AtomicU64::new(limit.and_then(|limit| limit.value.raw()).unwrap_or(u64::MAX)),
            limit,
            ended: OnceLock::new(),
        }
    }

    pub(crate) fn stdin(&self) -> &Input {
        &self.stdin
    }

    pub(crate) fn is_terminal(&self, stream: LogStream) -> bool {
        self.channel(stream).output.is_terminal()
    }

    pub(super) fn channel(&self, stream: LogStream) -> &Channel {
        match stream {
            LogStream::Stdout => &self.stdout,
            LogStream::Stderr => &self.stderr,
        }
    }

    /// Writes everything, waiting while a pipe is full.
    pub(crate) async fn write(&self, stream: LogStream, bytes: &[u8]) -> Result<(), WriteError> {
        for chunk in bytes.chunks(PERMIT_BYTES) {
            self.spend(chunk.len())?;
            match &self.channel(stream).output {
                Output::Pipe(pipe) => {
                    let sent = pipe.0.send(Bytes::copy_from_slice(chunk)).await;
                    sent.map_err(|_| WriteError::Closed(self.closed()))?;
                }
                _ => self.write_through(stream, chunk)?,
            }
        }
        Ok(())
    }

    /// Writes to anything but a pipe, which [`Output::Pipe`]'s callers handle themselves.
    pub(super) fn write_through(&self, stream: LogStream, bytes: &[u8]) -> Result<(), WriteError> {
        match &self.channel(stream).output {
            Output::Discard | Output::Pipe(_) => Ok(()),
            Output::Stdout => self.write_all(rustix::stdio::stdout(), bytes),
            Output::Stderr => self.write_all(rustix::stdio::stderr(), bytes),
            Output::Log { sink, request } => {
                let mut lines = self.channel(stream).lines.lock().unwrap_or_else(PoisonError::into_inner);
                lines.push(bytes, |line| sink.line(*request, stream, line));
                Ok(())
            }
        }
    }

    /// Logs a message to where standard error leads.
    pub(crate) fn log(&self, level: LogLevel, context: &str, message: &str) -> Result<(), WriteError> {
        let (context, message) = (cut_text(context, CONTEXT_BYTES_MAX), cut_text(message, LINE_BYTES_MAX));
        self.spend(context.len() + message.len())?;
        match &self.stderr.output {
            Output::Log { sink, request } => {
                sink.message(*request, level, context, message);
                Ok(())
            }
            _ => {
                let separator = if context.is_empty() { "" } else { ": " };
                let line = format!("{} {context}{separator}{message}\n", level.name());
                self.write_through(LogStream::Stderr, line.as_bytes())
            }
        }
    }

    /// Takes `len` bytes off what the guest may still write.
    pub(super) fn spend(&self, len: usize) -> Result<(), WriteError> {
        let Some(limit) = self.limit else { return Ok(()) };
        let spend = |left: u64| left.checked_sub(len as u64);
        match self.left_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
            Ok(_) => Ok(()),
            Err(_) => {
                self.ended.get_or_init(|| OutputEnd::Limit(limit));
                Err(WriteError::Limit(limit))
            }
        }
    }

    /// Remembers that nobody reads any more.
    pub(super) fn closed(&self) -> ClosedPipe {
        self.ended.get_or_init(|| OutputEnd::Closed);
        ClosedPipe
    }

    fn write_all(&self, fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), WriteError> {
        while !bytes.is_empty() {
            match rustix::io::write(fd, bytes) {
                Ok(0) => return Err(WriteError::Io(io::ErrorKind::WriteZero.into())),
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_writable(fd)?,
                Err(Errno::PIPE) => return Err(WriteError::Closed(self.closed())),
                Err(errno) => return Err(WriteError::Io(errno.into())),
            }
        }
        Ok(())
    }
}

impl Drop for Shared {
    /// A last line without an end is a line too.
    fn drop(&mut self) {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let channel = self.channel(stream);
            let Some((sink, request)) = channel.output.log() else { continue };
            let mut lines = channel.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.finish(|line| sink.line(request, stream, line));
        }
    }
}

/// Someone who shares the stream made it non-blocking; the guest did not ask for that.
fn wait_writable(fd: BorrowedFd<'_>) -> Result<(), WriteError> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    match rustix::event::poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(WriteError::Io(errno.into())),
    }
}
