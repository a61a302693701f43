//! Bodies of responses on their way to the client.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::respond::GuestBody;

/// A response's body.
pub(crate) enum Body {
    /// All of it is here: it leaves together with the head, and its length is known.
    Whole { chunks: VecDeque<Bytes>, trailers: Option<HeaderMap> },
    /// One chunk, the most frequent case: nothing to allocate.
    One(Option<Bytes>),
    /// The guest is still at it.
    Guest(Box<GuestBody>),
}

/// A response's body ended before its end; the connection is closed so that the client can tell.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BodyError(pub(crate) String);

impl Body {
    /// A body of one chunk.
    pub(crate) fn full(bytes: Bytes) -> Body {
        Body::One((!bytes.is_empty()).then_some(bytes))
    }

    /// A body of these chunks.
    pub(crate) fn whole(mut chunks: VecDeque<Bytes>, trailers: Option<HeaderMap>) -> Body {
        match (chunks.len(), &trailers) {
            (0 | 1, None) => Body::One(chunks.pop_front()),
            _ => Body::Whole { chunks, trailers },
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Body::One(chunk) => Poll::Ready(chunk.take().map(|chunk| Ok(Frame::data(chunk)))),
            Body::Whole { chunks, trailers } => {
                let frame = chunks.pop_front().map(Frame::data);
                Poll::Ready(frame.or_else(|| trailers.take().map(Frame::trailers)).map(Ok))
            }
            Body::Guest(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::One(chunk) => chunk.is_none(),
            Body::Whole { chunks, trailers } => chunks.is_empty() && trailers.is_none(),
            Body::Guest(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::One(chunk) => SizeHint::with_exact(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64)),
            // Trailers need chunked framing, so a length must not be announced.
            Body::Whole { chunks, trailers: None } => {
                SizeHint::with_exact(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
            Body::Whole { .. } | Body::Guest(_) => SizeHint::default(),
        }
    }
}
