//! Events: a POST in CloudEvents' binary mode (HTTP protocol binding 1.0.2, section 3.1) on the control socket.
//!
//! `POST /events/<function>`: the attributes are `ce-…` fields, the body is the payload. A function that speaks
//! HTTP gets the request as `POST /`; a program gets the payload on standard input and the attributes as `CE_…`.
//! A program that exits with 0 has taken the event, which is answered with 204; every other end is 500.

use std::sync::Arc;

use http::uri::{PathAndQuery, Uri};
use http::{Method, Request};

use crate::function::{Function, Generation};
use crate::refusal::Refusal;

const PATH: &str = "/events/";
/// Attributes that every event has (CloudEvents 1.0.2, section "Required attributes").
const REQUIRED: [&str; 4] = ["ce-id", "ce-source", "ce-specversion", "ce-type"];

/// Marks a request as an event; only what came through the control door is marked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event;

/// Whether the request was marked as an event.
pub(crate) fn is_event<B>(request: &Request<B>) -> bool {
    request.extensions().get::<Event>().is_some()
}

/// Whether the request's path is that of events.
pub(crate) fn asks_for_event<B>(request: &Request<B>) -> bool {
    request.uri().path().starts_with(PATH)
}

/// The function that an event is for. Marks the request, and makes it one for `/`.
pub(crate) fn function<B>(
    generation: &Generation,
    request: &mut Request<B>,
) -> Result<Arc<Function>, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::MethodNotAllowed { allow: http::HeaderValue::from_static("POST") });
    }
    if let Some(missing) = REQUIRED.iter().find(|name| !request.headers().contains_key(**name)) {
        return Err(Refusal::BadRequest(missing_attribute(missing)));
    }
    if request.headers().get("ce-specversion").is_none_or(|version| version != "1.0") {
        return Err(Refusal::BadRequest("ce-specversion is not 1.0"));
    }
    let name = request.uri().path().strip_prefix(PATH).unwrap_or_default();
    let function = generation.named(name).cloned().ok_or(Refusal::NoRoute)?;
    let mut target = std::mem::take(request.uri_mut()).into_parts();
    target.path_and_query = Some(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(target).unwrap_or_default();
    request.extensions_mut().insert(Event);
    Ok(function)
}

fn missing_attribute(name: &str) -> &'static str {
    match name {
        "ce-id" => "an event without ce-id",
        "ce-source" => "an event without ce-source",
        "ce-specversion" => "an event without ce-specversion",
        _ => "an event without ce-type",
    }
}
