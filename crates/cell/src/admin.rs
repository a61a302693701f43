//! Answers on the admin socket: `/healthz`, `/metrics` and `/observed`, nothing of a guest's.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::body::Body;
use crate::observe::{metrics, report};
use crate::worker::Worker;

const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

/// Answers one request of the operator.
pub(crate) fn answer<B>(worker: &Worker, request: &Request<B>) -> Response<Body> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        _ if !is_read => text(StatusCode::METHOD_NOT_ALLOWED, TEXT, String::new()),
        "/healthz" if worker.is_closing() => text(StatusCode::SERVICE_UNAVAILABLE, TEXT, "draining\n".into()),
        "/healthz" => text(StatusCode::OK, TEXT, "ok\n".into()),
        "/metrics" => text(StatusCode::OK, METRICS_TYPE, metrics::text(&worker.shared)),
        "/observed" => text(StatusCode::OK, JSON, report::text(&worker.shared)),
        _ => text(StatusCode::NOT_FOUND, TEXT, String::new()),
    }
}

fn text(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Body> {
    let mut response = Response::new(Body::full(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
