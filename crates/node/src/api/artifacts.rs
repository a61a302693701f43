//! Artifacts on their way to the node.

use http::Response;
use http_body_util::BodyExt;

use super::apps::digest;
use super::call::{Call, Raw};
use super::types::Nothing;
use super::{ApiError, full};
use crate::failpoint;

pub(super) async fn put(mut call: Call) -> Result<Nothing, ApiError> {
    let digest = digest(&call.parts)?;
    let mut body = call.body()?;
    let mut arriving = call.node.artifacts.receive()?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ApiError::bad_request(format!("the request's body: {error}")))?;
        if let Some(bytes) = frame.data_ref() {
            arriving.write(bytes)?;
        }
    }
    failpoint("artifact-arrived");
    arriving.finish(&call.node.artifacts, &digest)?;
    Ok(Nothing {})
}

pub(super) async fn head(call: Call) -> Result<Raw, ApiError> {
    match call.node.artifacts.has(&digest(&call.parts)?) {
        true => Ok(Raw(Response::new(full("")))),
        false => Err(ApiError::not_found("")),
    }
}
