//! One connection, from the accepted socket to its end.
//!
//! ```text
//! accepted ── TLS handshake ──► waiting ⇄ head ⇄ in flight ──► closed
//!                                  │       │        │
//!                                  └───────┴────────┴─ too slow, or the cell drains
//! ```

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use http::Response;
use http::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tombolo_listen::{Gathered, Outbox};

use super::watch::{Patience, Watch, Watched};
use crate::path::{self, Door};
use crate::worker::LocalExecutor;

/// Requests that one HTTP/2 connection may have at once.
const STREAMS_MAX: u32 = 128;
/// Streams that a client may reset before the server has looked at them (CVE-2023-44487).
const RESET_STREAMS_MAX: usize = 20;
/// Read and write buffers may hold this many bytes beside a request's head.
const BUFFER_SLACK_BYTES: usize = 32 * 1024;

/// How connections speak HTTP: made once for each worker.
#[derive(Clone)]
pub(crate) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<LocalExecutor>,
    patience: Patience,
}

impl Protocols {
    /// HTTP/1.1 and HTTP/2 for requests with at most `head_bytes_max` bytes of head.
    pub(crate) fn new(head_bytes_max: usize, patience: Patience) -> Protocols {
        let mut http1 = http1::Builder::new();
        http1.max_header_size(head_bytes_max).max_buf_size(head_bytes_max + BUFFER_SLACK_BYTES);
        // The client's half of a connection closed means that it went away: its request is given up.
        http1.half_close(false);
        let mut http2 = http2::Builder::new(LocalExecutor);
        http2.timer(TokioTimer::new());
        http2.keep_alive_interval(Some(patience.idle)).keep_alive_timeout(patience.write);
        http2.max_concurrent_streams(STREAMS_MAX).max_pending_accept_reset_streams(RESET_STREAMS_MAX);
        http2.max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX));
        Protocols { http1, http2, patience }
    }

    /// How long clients may take.
    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Answers requests on `io` until the client leaves, is too slow, or the cell drains.
    pub(crate) async fn serve<T>(&self, io: T, is_http2: bool, door: Door, closing: Rc<Closing>)
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let watch = Watch::new(!is_http2);
        let outbox = Rc::clone(&door.worker.outbox);
        let io = Gathered::new(io, Rc::clone(&outbox));
        let io = TokioIo::new(Watched::new(io, Rc::clone(&watch)));
        let (door, seen, ends) = (Rc::new(door), Rc::clone(&watch), Rc::clone(&closing));
        let service = hyper::service::service_fn(move |request| {
            let (door, seen, ends) = (Rc::clone(&door), Rc::clone(&seen), Rc::clone(&ends));
            async move {
                let mut answer = path::serve(door, seen, request).await;
                if ends.has_begun() && !is_http2 {
                    // An answer that is there at once leaves no other moment to say so.
                    answer.iter_mut().for_each(say_goodbye);
                }
                answer
            }
        });
        if is_http2 {
            let connection = pin!(self.http2.serve_connection(io, service));
            supervise(
                connection,
                http2::Connection::graceful_shutdown,
                &watch,
                &self.patience,
                &closing,
                &outbox,
            )
            .await;
        } else {
            let connection = pin!(self.http1.serve_connection(io, service));
            supervise(
                connection,
                http1::Connection::graceful_shutdown,
                &watch,
                &self.patience,
                &closing,
                &outbox,
            )
            .await;
        }
    }
}

/// Says with the answer that there is none to another request on this connection.
fn say_goodbye<B>(answer: &mut Response<B>) {
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Tells every connection of a worker to end after the requests that it has.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    begun: Cell<Option<Instant>>,
    notify: Notify,
}

impl Closing {
    pub(crate) fn begin(&self) {
        if !self.has_begun() {
            self.begun.set(Some(Instant::now()));
        }
        self.notify.notify_waiters();
    }

    /// Waits for the beginning.
    pub(crate) async fn begun(&self) {
        let told = self.notify.notified();
        if !self.has_begun() {
            told.await;
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.get().is_some()
    }

    /// When it began.
    fn since(&self) -> Option<Instant> {
        self.begun.get()
    }
}

/// Drives `connection` to its end. Dropping it on the way cancels its requests.
async fn supervise<C: Future>(
    mut connection: Pin<&mut C>,
    shut_down: impl Fn(Pin<&mut C>),
    watch: &Watch,
    patience: &Patience,
    closing: &Closing,
    outbox: &Outbox,
) {
    let mut timer = pin!(tokio::time::sleep(patience.head));
    let mut told = pin!(closing.notify.notified());
    let mut shutting_down = false;
    poll_fn(|cx| {
        let _ = told.as_mut().poll(cx);
        let mut polled = connection.as_mut().poll(cx);
        // Told to end between two requests, a connection would close on one that is on its way.
        if polled.is_pending() && closing.has_begun() && watch.can_say_goodbye() && !shutting_down {
            shutting_down = true;
            shut_down(connection.as_mut());
            polled = connection.as_mut().poll(cx);
        }
        if outbox.is_empty() {
            crate::worker::drop_finished_instances();
        }
        if polled.is_ready() {
            return Poll::Ready(());
        }
        // Once it is told, the client may take its time to read what it is told with.
        let closing_since = closing.since().filter(|_| !shutting_down);
        while let Some(deadline) = watch.deadline(patience, closing_since) {
            if deadline < timer.deadline().into_std() || timer.as_mut().poll(cx).is_ready() {
                if deadline <= Instant::now() {
                    return Poll::Ready(());
                }
                timer.as_mut().reset(deadline.into());
                continue;
            }
            break;
        }
        Poll::Pending
    })
    .await;
}
