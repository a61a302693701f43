//! A request's way out, from top to bottom.

use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use tokio::runtime;
use tokio::time::timeout;
use tombolo_egress::Admitted;
use tombolo_spec::call::HOPS_FIELD;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{Lease, RequestBody, ResponseBody};
use super::connect::Connector;
use super::errors;
use super::policy::{self, Target};
use super::pool::{Connection, Key, Peer, Sender};
use crate::egress::InstanceNet;
use crate::ledger::current;

/// Sends a request if a grant names it, and gives back the response as soon as its headers are here.
pub(super) async fn send(
    net: Arc<InstanceNet>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    let target = policy::target(net.policy(), request.method(), request.uri())?;
    let asked: Arc<str> = policy::wanted(&target, request.method(), request.uri()).into();
    net.spend_request(&asked).map_err(|_| Error::ConnectionLimitReached)?;
    let exchange =
        Exchange { net: &net, target: &target, key: key(&target), times: Times::of(&net, options) };
    let mut request =
        request.map(|inner| RequestBody { inner, net: Arc::clone(&net), asked: Arc::clone(&asked) });
    if target.is_app {
        // So that apps which call each other in a circle come to an end.
        let hops = current().map_or(0, |caller| caller.hops);
        request.headers_mut().insert(HOPS_FIELD, u16::from(hops).into());
    }
    let (response, connection) = exchange.run(request).await?;
    Ok(exchange.deliver(response, connection, asked))
}

/// How long each step may take: what the guest asked for, but no longer than its limits.
#[derive(Clone, Copy)]
struct Times {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Times {
    fn of(net: &InstanceNet, options: RequestOptions) -> Times {
        let limits = net.template().limits();
        let bounded = |asked: Option<Duration>, most: Duration| asked.map_or(most, |asked| asked.min(most));
        Times {
            connect: bounded(options.connect_timeout, limits.connect_time),
            first_byte: bounded(options.first_byte_timeout, limits.idle_time),
            between_bytes: bounded(options.between_bytes_timeout, limits.idle_time),
        }
    }
}

struct Exchange<'a> {
    net: &'a Arc<InstanceNet>,
    target: &'a Target,
    key: Key,
    times: Times,
}

impl Exchange<'_> {
    /// Tries waiting connections first. One that its server closed meanwhile hands the request back unsent.
    async fn run(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), Error> {
        while let Some(connection) = self.net.template().pool().take(&self.key) {
            if !self.may_use(connection.peer, &request) {
                continue;
            }
            match self.exchange(connection, request).await {
                Ok(done) => return Ok(done),
                Err(Failed { error, unsent: None }) => return Err(error),
                Err(Failed { unsent: Some(again), .. }) => request = *again,
            }
        }
        let access = (request.method().clone(), request.uri().clone());
        let connect = timeout(self.times.connect, self.connect(&access)).await;
        let connection = connect.map_err(|_| Error::ConnectionTimeout)??;
        self.exchange(connection, request).await.map_err(|failed| failed.error)
    }

    /// Whether this request may use a connection that another one made.
    fn may_use(&self, peer: Peer, request: &Request<RequestBody>) -> bool {
        let policy = self.net.policy();
        let ask = |address| self.target.request(request.method(), request.uri(), address);
        let (ask, grant) = match peer {
            Peer::App => (ask(None), policy.grants.find(&ask(None)).cloned()),
            Peer::Address { address, is_own } => {
                let ask = ask(Some(address));
                (ask, policy.admit(address, &ask, |_| is_own).map(|admitted| admitted.grant))
            }
        };
        grant.inspect(|grant| policy.ledger.used_for(&ask, grant)).is_some()
    }

    async fn connect(&self, access: &(Method, Uri)) -> Result<Connection, Error> {
        if self.target.is_app { self.call(access).await } else { self.connect_to_host(access).await }
    }

    /// A connection to an app of this node.
    async fn call(&self, (method, uri): &(Method, Uri)) -> Result<Connection, Error> {
        let template = self.net.template();
        let permit = template.pool().permit().ok_or(Error::ConnectionLimitReached)?;
        let way = template.network().way();
        let outcome = way.call(self.net.asker(self.times.connect), self.target.ask(method, uri)).await;
        let ask = |address| self.target.request(method, uri, address);
        let (stream, grant) = self.net.policy().recorded(outcome, ask).map_err(errors::unmet)?;
        let sender = self.connector().http1(stream, permit).await?;
        template.ledger().used_for(&ask(None), &grant);
        Ok(Connection { sender, peer: Peer::App })
    }

    async fn connect_to_host(&self, (method, uri): &(Method, Uri)) -> Result<Connection, Error> {
        let template = self.net.template();
        let permit = template.pool().permit().ok_or(Error::ConnectionLimitReached)?;
        let way = template.network().way();
        let outcome = way.connect(self.net.asker(self.times.connect), self.target.ask(method, uri)).await;
        let ask = |address| self.target.request(method, uri, address);
        let (stream, admitted) = self.net.policy().recorded(outcome, ask).map_err(errors::unmet)?;
        let sender = self.connector().handshake(stream, permit).await?;
        template.ledger().used_for(&ask(Some(admitted.address)), &admitted.grant);
        let Admitted { address, is_own, .. } = admitted;
        let connection = Connection { sender, peer: Peer::Address { address, is_own } };
        if let Sender::Http2(shared) = &connection.sender {
            let shared = Connection { sender: Sender::Http2(shared.clone()), peer: connection.peer };
            template.pool().put(self.key.clone(), shared);
        }
        Ok(connection)
    }

    fn connector(&self) -> Connector<'_> {
        let template = self.net.template();
        Connector {
            target: self.target,
            tls: template.network().tls(),
            header_bytes: template.limits().header_bytes,
        }
    }

    /// Puts the request on a connection and waits for the response's headers.
    async fn exchange(
        &self,
        mut connection: Connection,
        request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Connection), Failed> {
        let sent = timeout(self.times.first_byte, self.put(&mut connection.sender, request)).await;
        match sent {
            Err(_) => Err(Failed { error: Error::ConnectionReadTimeout, unsent: None }),
            Ok(Ok(response)) => Ok((response, connection)),
            Ok(Err((error, unsent))) => {
                Err(Failed { error: errors::hyper(&error), unsent: unsent.map(Box::new) })
            }
        }
    }

    async fn put(
        &self,
        sender: &mut Sender,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Request<RequestBody>>)> {
        let unsent = |mut failed: TrySendError<Request<RequestBody>>| {
            let request = failed.take_message();
            (failed.into_error(), request)
        };
        match sender {
            Sender::Http1(sender) => match sender.ready().await {
                Err(error) => Err((error, Some(request))),
                Ok(()) => sender.try_send_request(self.for_http1(request)).await.map_err(unsent),
            },
            Sender::Http2(sender) => match sender.ready().await {
                Err(error) => Err((error, Some(request))),
                Ok(()) => sender.try_send_request(self.for_http2(request)).await.map_err(unsent),
            },
        }
    }

    /// HTTP/1.1 says the host in a header, and the path alone.
    fn for_http1(&self, mut request: Request<RequestBody>) -> Request<RequestBody> {
        request.headers_mut().insert(HOST, self.target.authority.clone());
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *request.uri_mut() = Uri::from(path);
        request
    }

    /// HTTP/2 says the host in a pseudo-header, which comes from the URL.
    fn for_http2(&self, mut request: Request<RequestBody>) -> Request<RequestBody> {
        request.headers_mut().remove(HOST);
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.target.uri_scheme());
        parts.authority = Authority::try_from(self.target.authority.as_bytes()).ok();
        parts.path_and_query =
            request.uri().path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    }

    /// The response for the guest, whose body gives the connection back at its end.
    fn deliver(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        asked: Arc<str>,
    ) -> Response<WasiBody> {
        let lease = match connection.sender {
            // The pool has its own handle to it since it was made.
            Sender::Http2(_) => None,
            Sender::Http1(_) => Some(Lease { key: self.key.clone(), connection }),
        };
        response.map(|incoming| {
            let ended = incoming.is_end_stream();
            let mut body = ResponseBody {
                incoming,
                net: Arc::clone(self.net),
                asked,
                between_bytes: self.times.between_bytes,
                silence: None,
                lease,
            };
            if ended {
                body.give_back();
            }
            body.boxed_unsync()
        })
    }
}

/// A request that got no response; perhaps it did not leave and can be tried on another connection.
struct Failed {
    error: Error,
    unsent: Option<Box<Request<RequestBody>>>,
}

fn key(target: &Target) -> Key {
    let runtime = runtime::Handle::current().id();
    Key { scheme: target.scheme, host: target.host_text.clone(), port: target.port, runtime }
}
