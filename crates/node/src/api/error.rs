//! What went wrong, and the one place where that becomes an HTTP status.

use http::{Response, StatusCode};

use super::{Body, full};
use crate::db::DbError;
use crate::disk::ArtifactError;

/// A request that was not fulfilled: whose fault it is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn response(&self) -> Response<Body> {
        let text = serde_json::json!({ "error": self.message }).to_string();
        let mut response = Response::new(full(text));
        *response.status_mut() = self.status;
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(http::header::CONTENT_TYPE, json);
        response
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> ApiError {
        let status = match &error {
            DbError::NoRevision(_) => StatusCode::NOT_FOUND,
            error if error.is_full() => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error.to_string())
    }
}

impl From<ArtifactError> for ApiError {
    fn from(error: ArtifactError) -> ApiError {
        let status = match &error {
            ArtifactError::Digest { .. } => StatusCode::BAD_REQUEST,
            ArtifactError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ArtifactError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                StatusCode::INSUFFICIENT_STORAGE
            }
            ArtifactError::Io(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error.to_string())
    }
}
