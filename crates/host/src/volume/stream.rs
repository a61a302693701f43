//! Streams into files of volumes, for WASI 0.2 and 0.3.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rustix::io::Errno;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Source, StreamConsumer, StreamResult};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;

use super::{Place, Quota, QuotaReached};
use crate::fs::errors::code_p3;
use crate::template::Template;

/// The most that one write takes over from a guest, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file of a volume that is being written.
pub(crate) struct Writing {
    pub(crate) file: Arc<File>,
    pub(crate) quota: Quota,
    pub(crate) place: Place,
    /// Whose volume it is, and its place among the granted directories: a full one is recorded.
    pub(crate) template: Arc<Template>,
    pub(crate) dir: usize,
}

impl Writing {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        let written = self.quota.write(&self.file, bytes, self.place);
        let full = |errno: &Errno| self.template.fs_policy().note_full(self.dir, *errno);
        let written = written.inspect_err(full)?;
        if let Place::At(offset) = &mut self.place {
            *offset += written as u64;
        }
        Ok(written)
    }
}

/// For 0.2: each write is done when it is made.
pub(crate) struct VolumeStream {
    writing: Writing,
    failed: bool,
}

impl VolumeStream {
    pub(crate) fn new(writing: Writing) -> VolumeStream {
        VolumeStream { writing, failed: false }
    }
}

impl OutputStream for VolumeStream {
    fn write(&mut self, mut bytes: Bytes) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            match self.writing.write(&bytes) {
                Ok(written) => drop(bytes.split_to(written)),
                Err(Errno::INTR) => {}
                Err(errno) => {
                    self.failed = true;
                    return Err(StreamError::LastOperationFailed(match errno {
                        Errno::DQUOT => QuotaReached.into(),
                        errno => std::io::Error::from(errno).into(),
                    }));
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        if self.failed { Err(StreamError::Closed) } else { Ok(()) }
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        if self.failed { Err(StreamError::Closed) } else { Ok(CHUNK_BYTES) }
    }
}

#[async_trait]
impl Pollable for VolumeStream {
    async fn ready(&mut self) {}
}

/// For 0.3: takes what the guest puts into a stream.
pub(crate) struct VolumeConsumer {
    writing: Writing,
    result: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl VolumeConsumer {
    pub(crate) fn new(writing: Writing, result: oneshot::Sender<Result<(), ErrorCode>>) -> VolumeConsumer {
        VolumeConsumer { writing, result: Some(result) }
    }

    fn close(&mut self, result: Result<(), ErrorCode>) {
        // The guest may not wait for it.
        let _ = self.result.take().map(|sender| sender.send(result));
    }
}

impl<D> StreamConsumer<D> for VolumeConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        match self.writing.write(source.remaining()) {
            Ok(written) => {
                source.mark_read(written);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(errno) => {
                self.close(Err(code_p3(errno)));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

impl Drop for VolumeConsumer {
    fn drop(&mut self) {
        self.close(Ok(()));
    }
}
