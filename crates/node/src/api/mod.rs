//! The API: HTTP and JSON over a Unix socket, version 1.
//!
//! Who may connect is the node's own user or root, as the kernel says (`SO_PEERCRED`, unix(7)). At a TCP address, if
//! there is one, everybody may, and each request needs a token. Requests that come from a browser's page are refused:
//! they carry `Origin`, or another `Host` than ours.

mod apps;
mod artifacts;
mod call;
mod caller;
mod change;
mod error;
mod events;
mod grants;
mod invoke;
mod logs;
mod machine;
mod openapi;
mod routes;
mod stats;
pub mod types;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, ORIGIN};
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::supervise::Node;
use caller::Caller;
use error::ApiError;
pub use openapi::document;

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Names under which the API may be asked for; there is no other host behind the socket.
const HOSTS: [&str; 2] = ["tombolo", "localhost"];

/// From a request's first byte to the end of its head.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// A pause before accepting again when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Body = UnsyncBoxBody<Bytes, io::Error>;
type Answer = Result<Response<Body>, ApiError>;

/// Opens the API's socket, and the address at which tokens are asked for; the future serves both.
pub(crate) fn listen(node: &Rc<Node>) -> io::Result<impl Future<Output = ()> + use<>> {
    let path = node.options.dirs.api_socket();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let named =
        |name: String| move |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
    let own = UnixListener::bind(&path).map_err(named(path.display().to_string()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let remote = match node.options.api {
        Some(address) => {
            let listener = std::net::TcpListener::bind(address).map_err(named(address.to_string()))?;
            listener.set_nonblocking(true)?;
            Some(TcpListener::from_std(listener)?)
        }
        None => None,
    };
    Ok(accept(Rc::clone(node), own, remote))
}

async fn accept(node: Rc<Node>, own: UnixListener, remote: Option<TcpListener>) {
    // Those from elsewhere can't take the places of the node's own user.
    let (places, remote_places) =
        (Rc::new(Semaphore::new(CONNECTIONS_MAX)), Rc::new(Semaphore::new(CONNECTIONS_MAX)));
    loop {
        tokio::select! {
            accepted = own.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Some(owner) = owner(&stream) {
                        tokio::task::spawn_local(serve(Rc::clone(&node), owner, stream, Rc::clone(&places)));
                    }
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            accepted = accept_remote(remote.as_ref()) => match accepted {
                Ok(stream) => {
                    let served = serve(Rc::clone(&node), Caller::Anybody, stream, Rc::clone(&remote_places));
                    tokio::task::spawn_local(served);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

async fn accept_remote(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// The node's own user, and root.
fn owner(stream: &UnixStream) -> Option<Caller> {
    let own = rustix::process::geteuid().as_raw();
    let uid = stream.peer_cred().ok()?.uid();
    (uid == own || uid == 0).then_some(Caller::Owner { uid })
}

async fn serve<S>(node: Rc<Node>, caller: Caller, stream: S, places: Rc<Semaphore>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let Ok(_place) = places.acquire().await else { return };
    let service = service_fn(move |request| {
        let node = Rc::clone(&node);
        async move { Ok::<_, Infallible>(answer(node, caller, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's affair.
    let _ = connection.await;
}

async fn answer(node: Rc<Node>, caller: Caller, request: Request<Incoming>) -> Response<Body> {
    let answer = match refused_origin(&node, &request) {
        Some(refusal) => Err(refusal),
        None => routes::dispatch(node, caller, request).await,
    };
    answer.unwrap_or_else(|error| error.response())
}

/// What a browser was made to send, by a page of somebody else's.
fn refused_origin(node: &Node, request: &Request<Incoming>) -> Option<ApiError> {
    if request.headers().contains_key(ORIGIN) {
        return Some(ApiError::forbidden("requests of web pages are refused"));
    }
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let own = node.options.api.map(|address| address.to_string());
    let known = host.is_some_and(|host| HOSTS.contains(&host) || own.as_deref() == Some(host));
    (!known).then(|| ApiError::forbidden("this API answers to the host name tombolo, or to its address"))
}

fn full(bytes: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}
