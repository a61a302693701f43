//! One HTTP request to a server on this machine, over a Unix socket.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long an answer may take; a function's own limits are tighter.
const ANSWER_TIME: Duration = Duration::from_secs(120);

/// Sends `request` and gathers the answer. The error is in words.
pub(super) fn send(socket: &Path, request: Request<Vec<u8>>) -> Result<Response<Bytes>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let request = request.map(|body| Full::new(Bytes::from(body)));
    runtime.block_on(async {
        match tokio::time::timeout(ANSWER_TIME, exchange(socket, request)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing within {} s", ANSWER_TIME.as_secs())),
        }
    })
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(socket: &Path, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, AnyError> {
    // A socket's address has 108 bytes; a folder that is open has a short name.
    let (folder, name) = (socket.parent().unwrap_or(Path::new("/")), socket.file_name().unwrap_or_default());
    let folder = std::fs::File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    over(tokio::net::UnixStream::connect(short).await?, request).await
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
