//! Why a request did not reach a cell, and the one place where that becomes an HTTP status.

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use tombolo_spec::call::HOPS_MAX;
use tombolo_spec::trigger::Miss;

use crate::body::{Body, full};

/// Why a request did not reach a cell, or its answer did not come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("malformed request: {0}")]
    BadRequest(&'static str),
    #[error("no app answers this host and path")]
    NoRoute,
    #[error("no app answers this method here")]
    Method(String),
    #[error("WebSocket and other upgrades are not supported")]
    Upgrade,
    #[error("no grant of the calling app allows it")]
    Ungranted,
    #[error("apps call each other in a circle: {HOPS_MAX} calls led to this one")]
    Circle,
    #[error("the app is not running just now; try again")]
    NoCell,
    #[error("the app ended before it had answered")]
    CellBroke,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Refusal::BadRequest(_) => StatusCode::BAD_REQUEST,
            Refusal::NoRoute => StatusCode::NOT_FOUND,
            Refusal::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Upgrade => StatusCode::NOT_IMPLEMENTED,
            Refusal::Ungranted => StatusCode::FORBIDDEN,
            Refusal::Circle => StatusCode::LOOP_DETECTED,
            Refusal::NoCell => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::CellBroke => StatusCode::BAD_GATEWAY,
        }
    }

    /// The whole answer.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(full(format!("{self}\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        match self {
            Refusal::Method(allow) => {
                if let Ok(allow) = HeaderValue::try_from(allow) {
                    headers.insert(ALLOW, allow);
                }
            }
            Refusal::NoCell => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => {}
        }
        response
    }
}

impl From<Miss> for Refusal {
    fn from(miss: Miss) -> Refusal {
        match miss {
            Miss::NoRoute => Refusal::NoRoute,
            Miss::Method(list) => Refusal::Method(list.join(", ")),
            Miss::AmbiguousPath => Refusal::BadRequest("a path that can be read in two ways"),
        }
    }
}
