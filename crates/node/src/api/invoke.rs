//! Calling a function by its name: an event on its cell's control socket.

use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::apps::existing;
use super::routes::{Parts, name};
use super::{Answer, ApiError};
use crate::client;
use crate::supervise::Node;

pub(super) async fn post(node: Rc<Node>, parts: Parts, request: Request<Incoming>) -> Answer {
    let app = existing(&node, &parts)?;
    let function = name(&parts, 2)?;
    let Some((control, _)) = node.sockets(&app) else { return Err(not_serving()) };
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    let mut event = Request::builder()
        .method(Method::POST)
        .uri(format!("/events/{}/{function}", app.app))
        .header(HOST, "tombolo")
        .header("ce-specversion", "1.0")
        .header("ce-id", format!("{nanos:x}"))
        .header("ce-source", "/tombolo/api")
        .header("ce-type", "dev.tombolo.invoke");
    if let Some(content_type) = request.headers().get(CONTENT_TYPE) {
        event = event.header(CONTENT_TYPE, content_type);
    }
    let event = event.body(request.into_body()).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let answer = client::send(&control, event).await.map_err(|_| not_serving())?;
    Ok(answer.map(|body| body.map_err(std::io::Error::other).boxed_unsync()))
}

fn not_serving() -> ApiError {
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the app does not serve now; see `tombolo status`")
}
