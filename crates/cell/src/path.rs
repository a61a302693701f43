//! The way of a request through the house, from the listener to the last byte of its answer.
//!
//! ```text
//! listener → route → admit → invoke → guest ⇄ host → respond → drop
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{EXPECT, HeaderMap, HeaderName};
use http::{Request, Response};
use hyper::body::Incoming;

use crate::admin;
use crate::body::Body;
use crate::called::Called;
use crate::events;
use crate::function::Function;
use crate::invoke::{self, Answer, PrefixSegments};
use crate::listener::Watch;
use crate::observe::{Call, TRACEPARENT};
use crate::redirect;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::respond;
use crate::turns;
use crate::worker::Worker;

/// What the gateway says of a client; nobody else can.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How often a program may send a request elsewhere on this server.
const REDIRECTS_MAX: usize = 5;

/// Answers one request, always: with what the guest says or with why it could not.
pub(crate) async fn serve(
    door: Rc<Door>,
    watch: Rc<Watch>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    if door.kind == DoorKind::Admin {
        return Ok(admin::answer(&door.worker, &request));
    }
    door.worker.outbox.send_overdue();
    let called = Called::take(door.kind, request.headers_mut());
    let mut call = Call::begin(&door.worker, &watch, &request, called.hops);
    Ok(match answer(&door, &watch, &mut call, called.app.as_deref(), request).await {
        Ok(answer) => respond::respond(call, answer).await,
        Err(refusal) => respond::refuse(call, refusal),
    })
}

async fn answer(
    door: &Door,
    watch: &Watch,
    call: &mut Call,
    app: Option<&str>,
    mut request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if watch.is_ambiguous() {
        return Err(Refusal::BadRequest("both Content-Length and Transfer-Encoding"));
    }
    request.headers_mut().insert(TRACEPARENT, call.trace.header());
    let mut request = request.map(RequestBody::new);
    for _ in 0..REDIRECTS_MAX {
        let function = route(door, app, &mut request)?;
        call.routed(&function);
        check(&function, &request)?;
        request.body_mut().limit(&function.limits);
        if request.headers().contains_key(EXPECT) {
            request.body_mut().ask().await;
        }

        let again = function.is_program().then(|| redirect::copy(&request));
        let pass = function.gate.enter(&door.worker.shared.cell, function.memory_bytes).await?;
        turns::fair(&function.counters[door.worker.index].share).await;
        let mut answer = invoke::invoke(door, call, &function, pass, request).await?;
        match again.and_then(|again| redirect::follow(&mut answer.response, again)) {
            Some(next) => request = next?,
            None => return Ok(answer),
        }
    }
    Err(Refusal::GuestBrokeHttp("its local redirects do not end".into()))
}

/// By host, path and method; a call from another app among the routes of the called one, whatever the host; an event on
/// the control socket by the function's name.
fn route(
    door: &Door,
    app: Option<&str>,
    request: &mut Request<RequestBody>,
) -> Result<Arc<Function>, Refusal> {
    let generation = door.worker.generation();
    if door.kind == DoorKind::Control && events::asks_for_event(request) {
        return events::function(&generation, request);
    }
    let found = match app {
        None => generation.routes.find(request)?,
        Some(app) => generation.routes.find_of_app(app, request)?,
    };
    request.extensions_mut().insert(PrefixSegments(found.prefix_segments));
    Ok(Arc::clone(&generation.functions[found.target]))
}

/// What can be refused by the head alone.
fn check(function: &Function, request: &Request<RequestBody>) -> Result<(), Refusal> {
    let limits = &function.limits;
    if respond::size_bytes(request.headers()) > limits.headers_bytes {
        return Err(Refusal::HeadersTooLarge { limit_bytes: limits.headers_bytes });
    }
    if http_body::Body::size_hint(request.body()).lower() > limits.body_bytes {
        return Err(Refusal::BodyTooLarge { limit_bytes: limits.body_bytes });
    }
    Ok(())
}

/// Where a request came in: what the requests of a connection share.
pub(crate) struct Door {
    pub(crate) worker: Rc<Worker>,
    pub(crate) kind: DoorKind,
    pub(crate) is_tls: bool,
    /// The client's address; a Unix socket has none.
    pub(crate) peer: Option<SocketAddr>,
    /// Our end's address.
    pub(crate) local: Option<SocketAddr>,
}

impl Door {
    /// Whether the client speaks TLS.
    pub(crate) fn is_tls(&self, headers: &HeaderMap) -> bool {
        match self.kind {
            DoorKind::Gateway => headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https"),
            _ => self.is_tls,
        }
    }

    /// The client's address, as text.
    pub(crate) fn client(&self, headers: &HeaderMap) -> String {
        match self.kind {
            DoorKind::Gateway => {
                headers.get(X_FORWARDED_FOR).and_then(|client| client.to_str().ok()).unwrap_or("").to_owned()
            }
            _ => self.peer.map_or_else(String::new, |peer| peer.ip().to_string()),
        }
    }
}

/// Who may come in, and what they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoorKind {
    /// Anybody: functions by their routes.
    Public,
    /// The node's gateway: as `Public`, for a client of whom only the gateway knows.
    Gateway,
    /// The node, over a Unix socket: also events.
    Control,
    /// The operator: health and metrics.
    Admin,
}
