//! One HTTP request to a server on this machine, over TCP or a Unix socket.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long an answer may take; a function's own limits are tighter.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// Where the server is.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    /// Whether somebody listens there.
    pub(super) fn answers(&self) -> bool {
        match self {
            Address::Tcp(address) => std::net::TcpStream::connect(address).is_ok(),
            Address::Unix(path) => std::os::unix::net::UnixStream::connect(path).is_ok(),
        }
    }
}

/// Sends `request` and gathers the answer. The error is in words.
pub(super) fn send(address: &Address, request: Request<Vec<u8>>) -> Result<Response<Bytes>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let request = request.map(|body| Full::new(Bytes::from(body)));
    runtime.block_on(async {
        match tokio::time::timeout(ANSWER_TIME, exchange(address, request)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing within {} s", ANSWER_TIME.as_secs())),
        }
    })
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(address: &Address, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, AnyError> {
    match address {
        Address::Tcp(address) => over(tokio::net::TcpStream::connect(address).await?, request).await,
        Address::Unix(path) => over(tokio::net::UnixStream::connect(path).await?, request).await,
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, AnyError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    drop(sender);
    connection.abort();
    Ok(Response::from_parts(parts, body))
}
