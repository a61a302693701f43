//! The way of a request through the gateway.

use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{HOST, HeaderValue, UPGRADE};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, Uri, Version};
use http_body_util::Either;
use hyper::body::Incoming;
use tombolo_listen::Outbox;
use tombolo_spec::trigger::requested_host;

use crate::body::Body;
use crate::headers;
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::table::{Current, Table};

/// What the requests of one connection share.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) table: Current,
    pub(crate) pool: Rc<Pool>,
    pub(crate) outbox: Rc<Outbox>,
    /// The client's address, as it is told to cells. Nobody can say who is at the other end of a Unix socket.
    pub(crate) peer: Option<HeaderValue>,
    pub(crate) is_tls: bool,
    /// Whose routes alone lead on from here.
    pub(crate) owner: Option<Arc<str>>,
}

/// Answers one request, always: with what the cell says or with why it could not.
pub(crate) async fn serve(door: &Door, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    door.outbox.send_overdue();
    Ok(forward(door, request).await.unwrap_or_else(|refusal| refusal.response()))
}

async fn forward(door: &Door, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    if request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE) {
        return Err(Refusal::Upgrade);
    }
    let table = door.table.get();
    let routes = table.routes(door.owner.as_deref())?;
    let cell = routes.find(request.method().as_str(), host(&request)?, request.uri().path())?.target;
    let authority = request.uri().authority().cloned();
    headers::to_cell(request.headers_mut(), authority.as_ref(), door.peer.as_ref(), door.is_tls);
    send(&door.pool, table, cell, request).await
}

/// Sends a request to a cell of this table, which is held until the request has reached it.
pub(crate) async fn send(
    pool: &Rc<Pool>,
    table: Arc<Table>,
    cell: u64,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    *request.uri_mut() = origin_form(request.uri());
    *request.version_mut() = Version::HTTP_11;
    let answer = pool.request(cell, request).await;
    drop(table);
    let mut answer = answer?;
    headers::remove_hop_by_hop(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
    Ok(answer.map(Either::Left))
}

/// The target without the authority, which a cell reads from `Host`.
fn origin_form(target: &Uri) -> Uri {
    target.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")).into()
}

/// The host that the request is for.
fn host(request: &Request<Incoming>) -> Result<&str, Refusal> {
    let target = request.uri().authority().map(Authority::as_str);
    let fields = request.headers().get_all(HOST).iter().map(|field| field.to_str().ok());
    requested_host(target, fields).map_err(Refusal::BadRequest)
}
