//! Calling a function by its name: an event on its cell's control socket.

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;

use super::ApiError;
use super::apps::existing;
use super::call::{Call, Raw};
use super::routes::name;
use crate::client;

pub(super) async fn post(mut call: Call) -> Result<Raw, ApiError> {
    let app = existing(&call)?;
    let function = name(&call.parts, 2)?;
    let Some(control) = call.node.control_socket(&app) else { return Err(not_serving()) };
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let mut event = Request::builder()
        .method(Method::POST)
        .uri(format!("/events/{}/{function}", app.app))
        .header(HOST, "tombolo")
        .header("ce-specversion", "1.0")
        .header("ce-id", format!("{nanos:x}"))
        .header("ce-source", "/tombolo/api")
        .header("ce-type", "dev.tombolo.invoke");
    if let Some(content_type) = call.headers.get(CONTENT_TYPE) {
        event = event.header(CONTENT_TYPE, content_type);
    }
    let event = event.body(call.body()?).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let answer = client::send(&control, event).await.map_err(|_| not_serving())?;
    Ok(Raw(answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync())))
}

pub(super) fn not_serving() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the app does not serve now; see `tombolo status`")
}
