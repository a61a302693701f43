//! Artifacts on their way to the node.

use std::rc::Rc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::apps::digest;
use super::routes::Parts;
use super::{Answer, ApiError, full, json};
use crate::supervise::Node;

pub(super) async fn put(node: Rc<Node>, parts: Parts, request: Request<Incoming>) -> Answer {
    let digest = digest(&parts)?;
    let mut body = request.into_body();
    let mut arriving = node.artifacts.receive()?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::bad_request(format!("the request's body: {error}")))?;
        if let Some(bytes) = frame.data_ref() {
            arriving.write(bytes)?;
        }
    }
    arriving.finish(&node.artifacts, &digest)?;
    json(&serde_json::json!({}))
}

pub(super) async fn head(node: Rc<Node>, parts: Parts, _: Request<Incoming>) -> Answer {
    match node.artifacts.has(&digest(&parts)?) {
        true => Ok(Response::new(full(""))),
        false => Err(ApiError::not_found("")),
    }
}
