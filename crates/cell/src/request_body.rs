//! Bodies of requests on their way to the guest: counted, and not waited for without end.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use crate::function::CallLimits;

/// A request's body within its function's limits.
///
/// A client that goes away or is too slow, or a body that is too large, ends it with an error that the guest sees.
pub(crate) struct RequestBody {
    /// `None` for a request that has no body, the most frequent kind.
    body: Option<Incoming>,
    left_bytes: u64,
    idle_time: Duration,
    /// Raised when the client sends more than the guest may get.
    too_large: Option<Arc<AtomicBool>>,
    /// What had come when the client was asked to send.
    first: Option<Result<Frame<Bytes>, Error>>,
    /// Set while the guest waits for the client.
    timer: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// The body that a client sends; nothing of it passes before it has [limits](RequestBody::limit).
    pub(crate) fn new(body: Incoming) -> RequestBody {
        let body = (!body.is_end_stream()).then_some(body);
        RequestBody { body, ..RequestBody::empty() }
    }

    /// No body.
    pub(crate) fn empty() -> RequestBody {
        RequestBody {
            body: None,
            left_bytes: 0,
            idle_time: Duration::ZERO,
            too_large: None,
            first: None,
            timer: None,
        }
    }

    /// Puts the body under the limits of the function that gets it.
    pub(crate) fn limit(&mut self, limits: &CallLimits) {
        if self.body.is_some() {
            self.left_bytes = limits.body_bytes;
            self.idle_time = limits.idle_time;
            self.too_large = Some(Arc::default());
        }
    }

    /// Asks a client that expects to be asked (RFC 9110, section 10.1.1). A guest may answer before it reads, and such
    /// a client would then wait for ever.
    pub(crate) async fn ask(&mut self) {
        poll_fn(|cx| {
            if let Poll::Ready(first) = Pin::new(&mut *self).poll_frame(cx) {
                self.first = first;
            }
            Poll::Ready(())
        })
        .await;
        // The connection asks when it is its turn, which must come before the guest's.
        tokio::task::yield_now().await;
    }

    /// A flag that is raised when the client sends more than the guest may get.
    pub(crate) fn too_large(&self) -> Option<Arc<AtomicBool>> {
        self.too_large.clone()
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => {
                self.left_bytes = left;
                Ok(frame)
            }
            None => {
                self.too_large.iter().for_each(|flag| flag.store(true, Relaxed));
                Err(Error::HttpRequestBodySize(None))
            }
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let idle_time = self.idle_time;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_time)));
        ready!(timer.as_mut().poll(cx));
        self.body = None;
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(next) = Pin::new(body).poll_frame(cx) else {
            return self.poll_patience(cx);
        };
        self.timer = None;
        Poll::Ready(match next {
            Some(Ok(frame)) => Some(self.count(frame)),
            Some(Err(_)) => Some(Err(Error::ConnectionTerminated)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }
}
