//! Why a request did not get the guest's own answer, and the one place where that becomes an HTTP status.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::observe::RequestId;

/// Why a request did not get the guest's own answer.
///
/// The text of a refusal is for the operator's log. The client learns the status and the request's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("malformed request: {0}")]
    BadRequest(&'static str),
    #[error("no function answers this host and path")]
    NoRoute,
    #[error("no function answers this method here")]
    MethodNotAllowed { allow: HeaderValue },
    #[error("request body is larger than the limit body={limit_bytes}B")]
    BodyTooLarge { limit_bytes: u64 },
    #[error("request headers are larger than the limit headers={limit_bytes}B")]
    HeadersTooLarge { limit_bytes: u64 },
    #[error("guest trapped: {0}")]
    Trapped(String),
    #[error("guest hit a limit: {0}")]
    LimitHit(String),
    #[error("guest broke HTTP: {0}")]
    GuestBrokeHttp(String),
    #[error("no capacity: {0}")]
    Busy(#[from] Shortage),
    #[error("guest ran out of time: {0}")]
    TimedOut(String),
}

/// What a request waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Shortage {
    #[error("all instances of the function are busy and its queue is full")]
    Queue,
    #[error("waited longer than the function's queue time")]
    QueueTime,
    #[error("the cell's memory for guests is used up")]
    Memory,
    #[error("all instances of the cell are busy")]
    Instances,
}

impl Refusal {
    /// The status that the client gets.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Refusal::BadRequest(_) => StatusCode::BAD_REQUEST,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::Trapped(_) | Refusal::LimitHit(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::GuestBrokeHttp(_) => StatusCode::BAD_GATEWAY,
            Refusal::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Stable words for logs and metrics, one for each kind.
    pub(crate) const NAMES: [&'static str; 10] = [
        "bad-request",
        "no-route",
        "method",
        "body",
        "headers",
        "trap",
        "limit",
        "guest-http",
        "busy",
        "timeout",
    ];

    /// This kind's place in [`Refusal::NAMES`].
    pub(crate) fn index(&self) -> usize {
        match self {
            Refusal::BadRequest(_) => 0,
            Refusal::NoRoute => 1,
            Refusal::MethodNotAllowed { .. } => 2,
            Refusal::BodyTooLarge { .. } => 3,
            Refusal::HeadersTooLarge { .. } => 4,
            Refusal::Trapped(_) => 5,
            Refusal::LimitHit(_) => 6,
            Refusal::GuestBrokeHttp(_) => 7,
            Refusal::Busy(_) => 8,
            Refusal::TimedOut(_) => 9,
        }
    }

    /// This kind's word.
    pub(crate) fn name(&self) -> &'static str {
        Refusal::NAMES[self.index()]
    }

    /// The whole answer: status, the headers that go with it, and the request's id as body.
    pub(crate) fn response(&self, id: &RequestId) -> Response<Body> {
        let mut response = Response::new(Body::full(format!("request {id}\n").into()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        match self {
            Refusal::MethodNotAllowed { allow } => drop(headers.insert(ALLOW, allow.clone())),
            // What follows on the connection may not be what it seems.
            Refusal::BadRequest(_) => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
            Refusal::Busy(_) => drop(headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS)),
            _ => {}
        }
        response
    }
}

/// When trying again makes sense: queues turn over within their queue time, one second by default.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");
