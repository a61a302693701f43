//! Asking a node: what the command line does.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
pub use http::Method;
use http::header::{CONTENT_LENGTH, HOST};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::api::types::Error;

/// A way to a node.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// What a node answers, part by part.
#[derive(Debug)]
pub struct Answer(Incoming);

impl Answer {
    /// The next part; `None` at the end.
    ///
    /// # Errors
    /// [`ClientError::Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame.map_err(|error| ClientError::Broken(error.to_string()))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

/// A node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is none.
    #[error("no node answers at {}: {source}; start one with `tombolo node`", socket.display())]
    NoNode {
        /// Where it was looked for.
        socket: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// It says no, and why.
    #[error("{message}")]
    Refused {
        /// How HTTP says it.
        status: StatusCode,
        /// Why.
        message: String,
    },
    /// The connection broke.
    #[error("the node broke off: {0}")]
    Broken(String),
}

impl Client {
    /// A way to the node whose API is at `socket`.
    pub fn new(socket: PathBuf) -> Client {
        Client { socket }
    }

    /// Asks for a document.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        parse(self.send(Method::GET, path, Vec::new()).await?).await
    }

    /// Sends a document and gets one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        value: &impl Serialize,
    ) -> Result<T, ClientError> {
        let text = serde_json::to_vec(value).map_err(|error| ClientError::Broken(error.to_string()))?;
        parse(self.send(method, path, text).await?).await
    }

    /// Sends bytes and gets an answer, whatever it is; one that is an error is returned as such.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "tombolo")
            .header(CONTENT_LENGTH, body.len())
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        let answer = send(&self.socket, request).await.map_err(|error| self.failed(error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Answer(answer.into_body()));
        }
        let body = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let message = serde_json::from_slice::<Error>(&body)
            .map_or_else(|_| format!("{status} {}", String::from_utf8_lossy(&body)), |error| error.error);
        Err(ClientError::Refused { status, message: message.trim().to_owned() })
    }

    fn failed(&self, error: SendError) -> ClientError {
        match error {
            SendError::Connect(source) => ClientError::NoNode { socket: self.socket.clone(), source },
            SendError::Http(error) => ClientError::Broken(error.to_string()),
        }
    }
}

async fn parse<T: DeserializeOwned>(answer: Answer) -> Result<T, ClientError> {
    let broken = |error: &dyn std::error::Error| ClientError::Broken(error.to_string());
    let body = answer.0.collect().await.map_err(|error| broken(&error))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| broken(&error))
}

/// A request did not get an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error(transparent)]
    Connect(io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

/// Sends one request over a Unix socket.
pub(crate) async fn send<B>(socket: &Path, request: Request<B>) -> Result<Response<Incoming>, SendError>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = UnixStream::connect(socket).await.map_err(SendError::Connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the answer, or with the error that the answer is then.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender.send_request(request).await?)
}
