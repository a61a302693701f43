//! The way of a request through the gateway.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, UPGRADE};
use http::uri::Authority;
use http::{Method, Request, Response, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tombolo_spec::trigger::requested_host;

use crate::headers;
use crate::pool::{Pool, target};
use crate::refusal::Refusal;
use crate::table::{Current, Table};

/// A body on its way through, or one of the gateway's own.
pub(crate) type Body = Either<Incoming, Full<Bytes>>;

/// A body of the gateway's own.
pub(crate) fn full(text: String) -> Body {
    Either::Right(Full::new(text.into()))
}

/// What the requests of one connection share.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) table: Current,
    pub(crate) pool: Pool,
    /// Nobody can say who is at the other end of a Unix socket.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) is_tls: bool,
    /// Whose routes alone lead on from here.
    pub(crate) owner: Option<Arc<str>>,
}

/// Answers one request, always: with what the cell says or with why it could not.
pub(crate) async fn serve(door: Door, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(forward(&door, request).await.unwrap_or_else(|refusal| refusal.response()))
}

async fn forward(door: &Door, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    if request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE) {
        return Err(Refusal::Upgrade);
    }
    let table = door.table.get();
    let routes = table.routes(door.owner.as_deref())?;
    let cell = routes.find(request.method().as_str(), host(&request)?, request.uri().path())?.target;
    let authority = request.uri().authority().cloned();
    headers::to_cell(request.headers_mut(), authority.as_ref(), door.peer, door.is_tls);
    send(&door.pool, table, cell, request).await
}

/// Sends a request to a cell of this table, which is held until the request has reached it.
pub(crate) async fn send(
    pool: &Pool,
    table: Arc<Table>,
    cell: u64,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = target(cell, path).map_err(|_| Refusal::BadRequest("its target"))?;
    *request.version_mut() = Version::HTTP_11;
    let answer = pool.request(request.map(Either::Left)).await;
    drop(table);
    let mut answer =
        answer.map_err(|error| if error.is_connect() { Refusal::NoCell } else { Refusal::CellBroke })?;
    headers::remove_hop_by_hop(answer.headers_mut());
    *answer.version_mut() = Version::HTTP_11;
    Ok(answer.map(Either::Left))
}

/// The host that the request is for.
fn host(request: &Request<Incoming>) -> Result<&str, Refusal> {
    let target = request.uri().authority().map(Authority::as_str);
    let fields = request.headers().get_all(HOST).iter().map(|field| field.to_str().ok());
    requested_host(target, fields).map_err(Refusal::BadRequest)
}
