//! Bodies of answers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use crate::pool::Lease;

/// The body of a cell's answer, or one of the gateway's own.
pub(crate) type Body = Either<CellBody, Full<Bytes>>;

/// A body of the gateway's own.
pub(crate) fn full(text: String) -> Body {
    Either::Right(Full::new(text.into()))
}

/// The body of a cell's answer on its way through. With its end the connection is free again; dropped before, it closes
/// it, and the cell gives the request up.
#[derive(Debug)]
pub(crate) struct CellBody {
    body: Incoming,
    lease: Option<Lease>,
}

impl CellBody {
    pub(crate) fn new(body: Incoming, lease: Lease) -> CellBody {
        let mut body = CellBody { body, lease: Some(lease) };
        body.look_for_end();
        body
    }

    fn look_for_end(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

impl HttpBody for CellBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => self.look_for_end(),
            Some(Err(_)) => self.lease = None,
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
