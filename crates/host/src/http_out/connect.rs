//! Begins to speak HTTP on a connection to an address that was checked.

use std::sync::Arc;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;
use tombolo_spec::grant::{Host, Scheme};
use wasmtime_wasi_http::Error;

use super::body::RequestBody;
use super::errors;
use super::policy::Target;
use super::pool::Sender;

/// The smallest buffer that hyper takes for a header section.
const HEADER_BUFFER_BYTES_MIN: usize = 8192;

/// What a connection is made with.
pub(super) struct Connector<'a> {
    pub(super) target: &'a Target,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
    pub(super) header_bytes: usize,
}

impl Connector<'_> {
    /// Begins to speak HTTP on a connection.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        permit: OwnedSemaphorePermit,
    ) -> Result<Sender, Error> {
        // Small requests should not wait for an acknowledgement.
        stream.set_nodelay(true).map_err(errors::connect)?;
        match self.target.scheme {
            Scheme::Http => self.http1(stream, permit).await,
            Scheme::Https => self.https(stream, permit).await,
        }
    }

    async fn https(&self, stream: TcpStream, permit: OwnedSemaphorePermit) -> Result<Sender, Error> {
        let config = self.tls.clone().ok_or(Error::ConfigurationError)?;
        let name = match &self.target.host {
            Host::Name(name) => {
                ServerName::try_from(name.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?
            }
            Host::Address(address) => ServerName::from(*address),
        };
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(errors::tls)?;
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        if speaks_http2 { self.http2(stream, permit).await } else { self.http1(stream, permit).await }
    }

    /// Begins to speak HTTP/1.1: the one way to speak to an app of this node.
    pub(super) async fn http1(
        &self,
        stream: impl Stream,
        permit: OwnedSemaphorePermit,
    ) -> Result<Sender, Error> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(self.header_bytes.max(HEADER_BUFFER_BYTES_MIN));
        let (sender, connection) =
            builder.handshake::<_, RequestBody>(TokioIo::new(stream)).await.map_err(|e| errors::hyper(&e))?;
        drive(connection, permit);
        Ok(Sender::Http1(sender))
    }

    async fn http2(&self, stream: impl Stream, permit: OwnedSemaphorePermit) -> Result<Sender, Error> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        builder.max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX));
        let (sender, connection) =
            builder.handshake::<_, RequestBody>(TokioIo::new(stream)).await.map_err(|e| errors::hyper(&e))?;
        drive(connection, permit);
        Ok(Sender::Http2(sender))
    }
}

/// Moves a connection's bytes until it ends; requests learn of its errors themselves.
fn drive<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static, permit: OwnedSemaphorePermit) {
    tokio::spawn(async move {
        let _ended = connection.await;
        drop(permit);
    });
}

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}
