//! Handles to a guest's output, in the forms that `wasi:cli` 0.2 and 0.3 ask for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::PollSender;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::pipe::PipeWriter;
use super::shared::{PERMIT_BYTES, WriteError};
use super::{LogStream, Output, Shared};

/// A guest's standard input.
pub(crate) struct StdinHandle(pub(crate) Arc<Shared>);

impl IsTerminal for StdinHandle {
    fn is_terminal(&self) -> bool {
        self.0.stdin().is_terminal()
    }
}

impl StdinStream for StdinHandle {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        self.0.stdin().async_stream()
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        self.0.stdin().p2_stream()
    }
}

/// A guest's standard output or error.
pub(crate) struct OutputHandle {
    shared: Arc<Shared>,
    stream: LogStream,
    /// Taken over from the guest while the pipe was full.
    pending: Option<Bytes>,
}

impl OutputHandle {
    pub(crate) fn new(shared: Arc<Shared>, stream: LogStream) -> OutputHandle {
        OutputHandle { shared, stream, pending: None }
    }

    fn output(&self) -> &Output {
        &self.shared.channel(self.stream).output
    }

    fn try_send(&mut self, bytes: Bytes) -> StreamResult<()> {
        let Output::Pipe(PipeWriter(sender)) = self.output() else { return Ok(()) };
        match sender.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(bytes)) => {
                self.pending = Some(bytes);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(StreamError::Trap(self.shared.closed().into())),
        }
    }
}

impl IsTerminal for OutputHandle {
    fn is_terminal(&self) -> bool {
        self.output().is_terminal()
    }
}

impl StdoutStream for OutputHandle {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        let pipe = match self.output() {
            Output::Pipe(PipeWriter(sender)) => Some(PollSender::new(sender.clone())),
            _ => None,
        };
        Box::new(AsyncOutput { shared: Arc::clone(&self.shared), stream: self.stream, pipe })
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(OutputHandle::new(Arc::clone(&self.shared), self.stream))
    }
}

impl OutputStream for OutputHandle {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.shared.spend(bytes.len()).map_err(stream_error)?;
        match self.output() {
            Output::Pipe(_) => self.try_send(bytes),
            _ => self.shared.write_through(self.stream, &bytes).map_err(stream_error),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let Output::Pipe(PipeWriter(sender)) = self.output() else { return Ok(PERMIT_BYTES) };
        if sender.is_closed() {
            return Err(StreamError::Trap(self.shared.closed().into()));
        }
        let full = self.pending.is_some() || sender.capacity() == 0;
        Ok(if full { 0 } else { PERMIT_BYTES })
    }
}

#[async_trait]
impl Pollable for OutputHandle {
    async fn ready(&mut self) {
        let Output::Pipe(PipeWriter(sender)) = &self.shared.channel(self.stream).output else { return };
        // A closed pipe is ready: the next call reports it.
        let Ok(permit) = sender.reserve().await else { return };
        if let Some(bytes) = self.pending.take() {
            permit.send(bytes);
        }
    }
}

fn stream_error(error: WriteError) -> StreamError {
    match error {
        WriteError::Closed(closed) => StreamError::Trap(closed.into()),
        WriteError::Limit(limit) => StreamError::Trap(limit.into()),
        WriteError::Io(error) => StreamError::LastOperationFailed(error.into()),
    }
}

/// The same output as a byte sink for 0.3.
struct AsyncOutput {
    shared: Arc<Shared>,
    stream: LogStream,
    pipe: Option<PollSender<Bytes>>,
}

impl AsyncWrite for AsyncOutput {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let chunk = &bytes[..bytes.len().min(PERMIT_BYTES)];
        if let Some(pipe) = &mut self.pipe {
            let reserved = ready!(pipe.poll_reserve(cx));
            reserved.map_err(|_| io_error(WriteError::Closed(self.shared.closed())))?;
        }
        self.shared.spend(chunk.len()).map_err(io_error)?;
        match &mut self.pipe {
            Some(pipe) => {
                let sent = pipe.send_item(Bytes::copy_from_slice(chunk));
                sent.map_err(|_| io_error(WriteError::Closed(self.shared.closed())))?;
            }
            None => self.shared.write_through(self.stream, chunk).map_err(io_error)?,
        }
        Poll::Ready(Ok(chunk.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn io_error(error: WriteError) -> io::Error {
    match error {
        WriteError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        WriteError::Limit(limit) => io::Error::other(limit),
        WriteError::Io(error) => error,
    }
}
