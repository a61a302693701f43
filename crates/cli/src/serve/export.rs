//! The exporter: a process beside the server that may connect to the collector of traces, which the server may not.
//!
//! What it passes on are messages that the server made, each behind its length; it does not look into them. It reads
//! what a collector answers, and has nothing but the way to it.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncReadExt;
use tombolo_sandbox::lock_down;

use super::collector::{Collector, Lookup};
use super::helper;
use crate::exit::{Exit, Failure, OrExit};
use crate::notice;

/// The hidden command that is the exporter.
pub(crate) const EXPORTER_COMMAND: &str = "__export";

/// How long a collector may take for one message.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Pauses before a message is tried again; then it is given up.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// How long a server that ends waits for its last traces to leave.
const LAST_TIME: Duration = Duration::from_secs(3);
/// The largest message: a batch of requests, whose paths are bounded by their headers.
const MESSAGE_BYTES_MAX: u32 = 64 << 20;

type Sender = Client<HttpConnector<Lookup>, Full<Bytes>>;

/// The server's end of its exporter.
pub(super) struct Exporter(UnixStream);

impl Exporter {
    /// Starts the exporter.
    pub(super) fn start(collector: &Collector) -> anyhow::Result<Exporter> {
        let socket = helper::start(EXPORTER_COMMAND, [collector.text()])?;
        socket.set_read_timeout(Some(LAST_TIME))?;
        Ok(Exporter(socket))
    }

    /// Where messages go.
    pub(super) fn writer(&self) -> anyhow::Result<Box<dyn Write + Send>> {
        Ok(Box::new(self.0.try_clone()?))
    }

    /// Waits until the last message has left, or for as long as that may take.
    pub(super) fn finish(mut self) {
        // Nothing more will come, which ends the exporter, which ends the stream; or the time for it ends.
        let _ = self.0.shutdown(Shutdown::Write);
        let _ = std::io::Read::read(&mut self.0, &mut [0]);
    }
}

/// The exporter's life; its end of the server's socket is standard input.
///
/// # Errors
/// What keeps it from starting; the server then does without traces.
pub(crate) fn export(collector: &Collector) -> Result<Exit, Failure> {
    let socket = helper::socket()?;
    socket.set_nonblocking(true)?;
    let runtime = helper::deaf()?;
    let lookup = Lookup::new()?;
    // From here on it opens no file, and connects to the collector's port and to name servers.
    lock_down(&collector.policy(&lookup)).or_exit(Exit::NotPermitted)?;
    runtime.block_on(async {
        let mut socket = tokio::net::UnixStream::from_std(socket)?;
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new_with_resolver(lookup));
        let to = collector.traces();
        let mut arrives = true;
        while let Some(message) = receive(&mut socket).await? {
            let sent = send(&client, &to, message).await;
            match &sent {
                Err(error) if arrives => notice!("traces do not reach {to}: {error:#}"),
                Ok(()) if !arrives => notice!("traces reach {to} again"),
                _ => {}
            }
            arrives = sent.is_ok();
        }
        Ok(Exit::Program(0))
    })
}

async fn receive(socket: &mut tokio::net::UnixStream) -> anyhow::Result<Option<Bytes>> {
    let Ok(length) = socket.read_u32_le().await else { return Ok(None) };
    if length > MESSAGE_BYTES_MAX {
        bail!("a message of {length} bytes");
    }
    let mut message = vec![0; length as usize];
    socket.read_exact(&mut message).await?;
    Ok(Some(message.into()))
}

async fn send(client: &Sender, to: &str, message: Bytes) -> anyhow::Result<()> {
    let mut pauses = PAUSES.iter();
    loop {
        let outcome = tokio::time::timeout(SEND_TIME, post(client, to, message.clone())).await;
        let again = match outcome.context("the collector takes too long") {
            Ok(Ok(status)) if status.is_success() => return Ok(()),
            Ok(Ok(status)) if !may_try_again(status) => bail!("the collector answers {status}"),
            Ok(Ok(status)) => anyhow::anyhow!("the collector answers {status}"),
            Ok(Err(error)) | Err(error) => error,
        };
        let Some(pause) = pauses.next() else { return Err(again) };
        tokio::time::sleep(*pause).await;
    }
}

async fn post(client: &Sender, to: &str, message: Bytes) -> anyhow::Result<StatusCode> {
    let request =
        Request::post(to).header(CONTENT_TYPE, "application/x-protobuf").body(Full::new(message))?;
    let response = client.request(request).await?;
    let status = response.status();
    // A body that is read to its end leaves the connection for the next message.
    let _ = response.into_body().collect().await;
    Ok(status)
}

/// OTLP 1.x, "Retryable response codes".
fn may_try_again(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
