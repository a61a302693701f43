//! One request on its way to its handler, and what the handler answers.

use std::cell::RefCell;
use std::rc::Rc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::Known;
use super::{Answer, ApiError, Body, full};
use crate::supervise::Node;

/// The largest JSON document that is taken, in bytes.
const JSON_BYTES_MAX: usize = 4 << 20;

/// A request that its caller may make.
pub(super) struct Call {
    pub(super) node: Rc<Node>,
    /// The parts of the path that stood in braces, in order.
    pub(super) parts: Vec<String>,
    pub(super) headers: HeaderMap,
    pub(super) caller: Known,
    query: String,
    body: Option<Incoming>,
    note: Note,
}

/// What came of a call, in a few words for the audit log.
pub(super) type Note = Rc<RefCell<Option<String>>>;

impl Call {
    pub(super) fn new(
        node: Rc<Node>,
        caller: Known,
        parts: Vec<String>,
        request: Request<Incoming>,
        note: Note,
    ) -> Call {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (head, body) = request.into_parts();
        Call { node, parts, headers: head.headers, caller, query, body: Some(body), note }
    }

    /// The value of a key of the query, as it stands there.
    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    /// The body, once.
    pub(super) fn body(&mut self) -> Result<Incoming, ApiError> {
        self.body.take().ok_or_else(|| ApiError::internal("the request's body was read before"))
    }

    /// Reads the body as a JSON document. Nothing stands for the empty object.
    pub(super) async fn json<T: DeserializeOwned>(mut self) -> Result<(Call, T), ApiError> {
        let bad =
            |error: &dyn std::fmt::Display| ApiError::bad_request(format!("the request's body: {error}"));
        let body = Limited::new(self.body()?, JSON_BYTES_MAX).collect().await.map_err(|error| bad(&error))?;
        let body = body.to_bytes();
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let document = serde_json::from_slice(body).map_err(|error| bad(&error))?;
        Ok((self, document))
    }

    /// Says what came of it, for the audit log.
    pub(super) fn note(&self, note: String) {
        self.note.replace(Some(note));
    }
}

/// What a handler answers, and how the API's document describes it.
pub(super) trait Reply {
    fn into_answer(self) -> Answer;

    /// The media type, and what it holds.
    fn described(generator: &mut SchemaGenerator) -> (&'static str, Schema);
}

impl<T: Serialize + JsonSchema> Reply for T {
    fn into_answer(self) -> Answer {
        let text = serde_json::to_vec(&self).map_err(|error| ApiError::internal(error.to_string()))?;
        let mut response = Response::new(full(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    fn described(generator: &mut SchemaGenerator) -> (&'static str, Schema) {
        ("application/json", generator.subschema_for::<T>())
    }
}

/// An answer that is no document of ours: lines, or what a function says.
pub(super) struct Raw(pub(super) Response<Body>);

impl Reply for Raw {
    fn into_answer(self) -> Answer {
        Ok(self.0)
    }

    fn described(_: &mut SchemaGenerator) -> (&'static str, Schema) {
        ("*/*", Schema::default())
    }
}
