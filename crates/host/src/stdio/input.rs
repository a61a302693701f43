//! Where standard input comes from.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use wasmtime_wasi::cli::{AsyncStdinStream, IsTerminal, StdinStream};
use wasmtime_wasi::p2::InputStream;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

/// A guest's standard input.
pub struct Input(Source);

enum Source {
    Closed,
    Inherit,
    Stream(Box<dyn StdinStream + Sync>),
}

impl Input {
    /// At its end from the start.
    pub fn closed() -> Input {
        Input(Source::Closed)
    }

    /// This process' standard input. Only one guest of a process should have it.
    pub fn inherit() -> Input {
        Input(Source::Inherit)
    }

    /// These bytes, then the end.
    pub fn bytes(bytes: impl Into<Bytes>) -> Input {
        Input(Source::Stream(Box::new(MemoryInputPipe::new(bytes))))
    }

    /// What `reader` gives; read only as far as the guest asks, plus one buffer.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static) -> Input {
        Input(Source::Stream(Box::new(AsyncStdinStream::new(Exclusive(Mutex::new(reader))))))
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        matches!(self.0, Source::Inherit) && io::IsTerminal::is_terminal(&io::stdin())
    }
}

impl StdinStream for Input {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        match &self.0 {
            Source::Closed => Box::new(tokio::io::empty()),
            Source::Inherit => StdinStream::async_stream(&tokio::io::stdin()),
            Source::Stream(stream) => stream.async_stream(),
        }
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        match &self.0 {
            Source::Closed => StdinStream::p2_stream(&tokio::io::empty()),
            Source::Inherit => StdinStream::p2_stream(&tokio::io::stdin()),
            Source::Stream(stream) => stream.p2_stream(),
        }
    }
}

/// A reader that only its owner ever touches, in a form that may be named from several threads.
struct Exclusive<R>(Mutex<R>);

impl<R: AsyncRead + Unpin> AsyncRead for Exclusive<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let reader = self.get_mut().0.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(reader).poll_read(cx, buffer)
    }
}
