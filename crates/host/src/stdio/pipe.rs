//! An output that something in this process reads, holding the guest back while it does not.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;

/// Makes an output and its reader. At most `chunks` writes wait in between, each at most
/// [`PIPE_CHUNK_BYTES_MAX`](super::shared::PERMIT_BYTES) long.
pub fn output_pipe(chunks: usize) -> (super::Output, OutputReader) {
    let (sender, receiver) = mpsc::channel(chunks.max(1));
    (super::Output::Pipe(PipeWriter(sender)), OutputReader(receiver))
}

/// The guest's end of an output pipe.
pub struct PipeWriter(pub(super) mpsc::Sender<Bytes>);

/// The reading end: a stream of chunks that ends with the guest. Dropping it ends a guest that goes on writing.
pub struct OutputReader(mpsc::Receiver<Bytes>);

impl OutputReader {
    /// The next chunk, or `None` when the guest is gone.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.0.recv().await
    }
}

impl Stream for OutputReader {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.0.poll_recv(cx)
    }
}
