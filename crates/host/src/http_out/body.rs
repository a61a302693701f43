//! Bodies on their way, counted and timed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

use super::errors;
use super::pool::{Connection, Key};
use crate::egress::InstanceNet;

/// A guest's body, counted against `outbound-bytes`.
pub(super) struct RequestBody {
    pub(super) inner: WasiBody,
    pub(super) net: Arc<InstanceNet>,
    /// What to call the request in a refusal.
    pub(super) asked: Arc<str>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(over) = self.net.spend_bytes(data.len(), &self.asked)
        {
            return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(over.value)))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A connection that goes back to its function's pool when the response was read to its end.
pub(super) struct Lease {
    pub(super) key: Key,
    pub(super) connection: Connection,
}

/// A response's body, counted against `outbound-bytes`, with a bound on the silence between its bytes.
pub(super) struct ResponseBody {
    pub(super) incoming: Incoming,
    pub(super) net: Arc<InstanceNet>,
    pub(super) asked: Arc<str>,
    pub(super) between_bytes: Duration,
    /// Runs while nothing comes.
    pub(super) silence: Option<Pin<Box<Sleep>>>,
    pub(super) lease: Option<Lease>,
}

impl ResponseBody {
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let between = self.between_bytes;
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + between)));
        ready!(silence.as_mut().poll(cx));
        self.lease = None;
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    pub(super) fn give_back(&mut self) {
        if let Some(Lease { key, connection }) = self.lease.take() {
            self.net.template().pool().put(key, connection);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Pending => return self.wait(cx),
            Poll::Ready(frame) => frame,
        };
        self.silence = None;
        match frame {
            None => {
                self.give_back();
                Poll::Ready(None)
            }
            Some(Err(error)) => Poll::Ready(Some(Err(errors::hyper(&error)))),
            Some(Ok(frame)) => {
                let len = frame.data_ref().map_or(0, Bytes::len);
                if let Err(over) = self.net.spend_bytes(len, &self.asked) {
                    return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(over.value)))));
                }
                if self.incoming.is_end_stream() {
                    self.give_back();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
