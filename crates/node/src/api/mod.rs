//! The API: HTTP and JSON, version 1, and the page that shows it.
//!
//! At the Unix socket may ask who the kernel says is the node's own user or root (`SO_PEERCRED`, unix(7)). At a TCP
//! address, if there is one, everybody may, and each request needs a token. At the page's address its own page may, and no
//! other.

mod apps;
mod artifacts;
mod call;
mod caller;
mod change;
mod error;
mod events;
mod grants;
mod invoke;
mod listen;
mod logs;
mod machine;
mod openapi;
mod origin;
mod page;
mod routes;
mod stats;
pub mod types;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use crate::supervise::Node;
use caller::Caller;
use error::ApiError;
use listen::Door;
pub(crate) use listen::{Doors, listen};
pub use openapi::document;

/// From a request's first byte to the end of its head.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a connection on which nothing is asked waits for one more request when the node makes place for another program:
/// the client may have sent it before it could know.
const LAST_REQUEST: Duration = Duration::from_millis(250);

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = Result<Response<Body>, ApiError>;

async fn serve<S>(node: Rc<Node>, door: Door, caller: Caller, stream: S, places: Rc<Semaphore>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    // Held to the end: a node that makes place for another program waits for it.
    let mut leaving = node.leaving();
    let Ok(_place) = places.acquire().await else { return };
    let service = service_fn(move |request| {
        let node = Rc::clone(&node);
        async move { Ok::<_, Infallible>(answer(node, door, caller, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let left = async {
        let _ = leaving.wait_for(Option::is_some).await;
        tokio::time::sleep(LAST_REQUEST).await;
    };
    // How a connection ends is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = left => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(node: Rc<Node>, door: Door, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let has_page = matches!(door, Door::Page(_));
    let file = page::file(&request).filter(|_| has_page);
    let answer = match (origin::refused(door, request.headers(), file.is_some()), file) {
        (Some(refusal), _) => Err(refusal),
        (None, Some(file)) => Ok(file),
        (None, None) => routes::dispatch(node, caller, request).await,
    };
    let mut response = answer.unwrap_or_else(|error| error.response());
    if has_page {
        page::guard(response.headers_mut());
    }
    response
}

fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
