//! The way of a request through the house, from the listener to the last byte of its answer.
//!
//!     listener → route → admit → invoke → guest ⇄ host → respond → drop

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Body;
use crate::events;
use crate::function::{Function, Generation};
use crate::invoke;
use crate::listener::Watch;
use crate::observe::{Call, TRACEPARENT};
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::respond;
use crate::worker::Worker;

/// Answers one request, always: with what the guest says or with why it could not.
pub(crate) async fn serve(door: Rc<Door>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let mut call = Call::begin(&door.worker, &door.watch, &request);
    match answer(&door, &mut call, request).await {
        Ok(answer) => Ok(respond::respond(call, answer)),
        Err(refusal) => Ok(respond::refuse(call, refusal)),
    }
}

async fn answer(
    door: &Door,
    call: &mut Call,
    mut request: Request<Incoming>,
) -> Result<invoke::Answer, Refusal> {
    let generation = door.worker.generation();
    let function = route(door, &generation, &request)?;
    call.routed(&function);
    check(door, &function, &request)?;

    let pass = function.gate.enter(&door.worker.shared.cell, function.memory_bytes).await?;
    request.headers_mut().insert(TRACEPARENT, call.trace.header());
    let request = request.map(|body| RequestBody::new(body, &function.limits));
    invoke::invoke(door, call, &function, pass, request).await
}

/// A public door leads by host, path and method; the control door by the name of the function in the path.
fn route(door: &Door, generation: &Generation, request: &Request<Incoming>) -> Result<Arc<Function>, Refusal> {
    match door.kind {
        DoorKind::Control if events::is_event(request) => events::function(generation, request),
        _ => generation.routes.find(request).map(|index| Arc::clone(&generation.functions[index])),
    }
}

/// What can be refused by the head alone.
fn check(door: &Door, function: &Function, request: &Request<Incoming>) -> Result<(), Refusal> {
    if door.watch.is_ambiguous() {
        return Err(Refusal::BadRequest("both Content-Length and Transfer-Encoding"));
    }
    let limits = &function.limits;
    if respond::size_bytes(request.headers()) > limits.headers_bytes {
        return Err(Refusal::HeadersTooLarge { limit_bytes: limits.headers_bytes });
    }
    if http_body::Body::size_hint(request.body()).lower() > limits.body_bytes {
        return Err(Refusal::BodyTooLarge { limit_bytes: limits.body_bytes });
    }
    Ok(())
}

/// One connection's way in: what its requests share.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) worker: Rc<Worker>,
    pub(crate) kind: DoorKind,
    pub(crate) watch: Rc<Watch>,
    pub(crate) is_tls: bool,
    /// The client's address; a Unix socket has none.
    pub(crate) peer: Option<SocketAddr>,
    /// Our end's address.
    pub(crate) local: Option<SocketAddr>,
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoorKind {
    /// Anybody: requests only.
    Public,
    /// The node, over a Unix socket: also events.
    Control,
}
