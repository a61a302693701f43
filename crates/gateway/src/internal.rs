//! Calls from app to app of the node.
//!
//! A connection comes from the broker, which says who calls whom by which grants; it leads to that app and no other,
//! whatever is sent on it, and to whatever cell serves the app when a request comes. The cell that calls is believed
//! nothing but how many calls led to its own: one that was taken over can begin a chain anew, and gains no app by it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdSocket;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, UPGRADE};
use http::uri::Authority;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::Interest;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::sync::Semaphore;
use tombolo_listen::{Gathered, Outbox};
use tombolo_sandbox::recv_fds;
use tombolo_spec::call::{AppOf, Call, HOPS_MAX};
use tombolo_spec::grant::Scheme;
use tombolo_spec::{Grant, GrantSet, Request as Access};

use crate::body::Body;
use crate::forward::send;
use crate::headers::{self, APP, CALLER, HOPS};
use crate::places::{Place, Places};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::table::Current;

/// The longest word about a call, in bytes: as long as the broker's.
const CALL_BYTES_MAX: usize = 64 << 10;
/// Connections of one tenant's apps that each worker holds at most; the one that has waited longest for its next request
/// leaves first.
const CONNECTIONS_MAX: u32 = 1024;
/// Connections of one tenant's apps that wait for a place; more are closed.
const WAITING_MAX: usize = 64;
/// For the next request's head. Longer than cells keep a connection on which nothing is asked, so that it is not the
/// gateway that closes first.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// Where calls come in.
#[derive(Debug)]
pub(crate) struct Calls {
    socket: UnixDatagram,
    tenants: HashMap<String, Tenant>,
}

/// The connections of one tenant's apps, so that no tenant takes the places of another.
#[derive(Debug, Clone)]
struct Tenant {
    places: Places,
    waiting: Arc<Semaphore>,
}

impl Calls {
    /// Within a runtime.
    pub(crate) fn new(socket: OwnedFd) -> io::Result<Calls> {
        // Of packets, as datagrams are, but with an end.
        let socket = StdSocket::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Calls { socket: UnixDatagram::from_std(socket)?, tenants: HashMap::new() })
    }

    /// Serves calls until the node is gone.
    pub(crate) async fn serve(mut self, table: Current, pool: Rc<Pool>, outbox: Rc<Outbox>) {
        let mut packet = vec![0; CALL_BYTES_MAX];
        while let Ok((length, connections)) =
            self.socket.async_io(Interest::READABLE, || recv_fds(&self.socket, &mut packet)).await
        {
            if length == 0 {
                return;
            }
            let called = serde_json::from_slice(&packet[..length]).ok().and_then(Called::new);
            let connection = connections.into_iter().next().and_then(|connection| stream(connection).ok());
            if let (Some(called), Some(connection)) = (called, connection) {
                let (table, pool, outbox) = (table.clone(), Rc::clone(&pool), Rc::clone(&outbox));
                let door = Door { called, table, pool, outbox };
                self.begin(connection, door);
            }
        }
    }

    fn begin(&mut self, connection: UnixStream, door: Door) {
        let none = || Tenant {
            places: Places::new(CONNECTIONS_MAX),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        };
        let tenant = self.tenants.entry(door.called.from.tenant.clone()).or_insert_with(none).clone();
        let Ok(waits) = tenant.waiting.try_acquire_owned() else { return };
        tokio::task::spawn_local(async move {
            let Some(place) = tenant.places.take().await else { return };
            drop(waits);
            speak(connection, door, place).await;
        });
    }
}

fn stream(connection: OwnedFd) -> io::Result<UnixStream> {
    let connection = std::os::unix::net::UnixStream::from(connection);
    connection.set_nonblocking(true)?;
    UnixStream::from_std(connection)
}

/// What the requests of one connection share.
struct Door {
    called: Called,
    table: Current,
    pool: Rc<Pool>,
    outbox: Rc<Outbox>,
}

async fn speak(connection: UnixStream, door: Door, place: Place) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(IDLE_TIME).half_close(false);
    let connection = TokioIo::new(Gathered::new(connection, Rc::clone(&door.outbox)));
    let shared = Rc::new((door, place));
    let (taken, service) = (Rc::clone(&shared), Rc::clone(&shared));
    let service = service_fn(move |request| {
        let shared = Rc::clone(&service);
        async move {
            let (door, place) = &*shared;
            let _busy = place.begin_request();
            answer(door, request).await
        }
    });
    let mut connection = pin!(builder.serve_connection(connection, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = taken.1.is_needed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Answers one call, always.
async fn answer(door: &Door, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    door.outbox.send_overdue();
    Ok(forward(door, request).await.unwrap_or_else(|refusal| refusal.response()))
}

async fn forward(door: &Door, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    if request.method() == Method::CONNECT || request.headers().contains_key(UPGRADE) {
        return Err(Refusal::Upgrade);
    }
    if !door.called.is_granted(request.method(), request.uri().path()) {
        return Err(Refusal::Ungranted);
    }
    let hops = hops(request.headers()).filter(|hops| *hops < HOPS_MAX).ok_or(Refusal::Circle)?;
    let table = door.table.get();
    let cell = table.cell_of(&door.called.to)?;
    door.called.introduce(request.headers_mut(), hops + 1);
    send(&door.pool, table, cell, request).await
}

/// How many calls led to this one, as the caller's cell says; none for what is no number that it would say.
fn hops(headers: &HeaderMap) -> Option<u8> {
    headers.get(HOPS).map_or(Some(0), |hops| hops.to_str().ok()?.parse().ok())
}

/// Who calls whom.
#[derive(Debug)]
struct Called {
    from: AppOf,
    to: AppOf,
    grants: GrantSet,
    /// The called app's name among its callers.
    host: Authority,
    caller: HeaderValue,
    app: HeaderValue,
}

impl Called {
    /// `None` for what no broker says.
    fn new(call: Call) -> Option<Called> {
        let Call { from, to, grants, host } = call;
        Some(Called {
            // A line that does not parse grants nothing.
            grants: grants.iter().filter_map(|line| line.parse::<Grant>().ok()).collect(),
            host: host.parse().ok()?,
            caller: HeaderValue::from_str(&from.to_string()).ok()?,
            app: HeaderValue::from_str(&to.app).ok()?,
            from,
            to,
        })
    }

    fn is_granted(&self, method: &Method, path: &str) -> bool {
        let (method, host) = (method.as_str(), self.host.as_str());
        let port = Scheme::Http.default_port();
        self.grants.permits(&Access::Http { method, scheme: Scheme::Http, host, addr: None, port, path })
    }

    /// Makes a cell's fields those of a call.
    fn introduce(&self, headers: &mut HeaderMap, hops: u8) {
        headers::to_cell(headers, Some(&self.host), None, false);
        headers.insert(CALLER, self.caller.clone());
        headers.insert(APP, self.app.clone());
        headers.insert(HOPS, u16::from(hops).into());
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tombolo_listen::Passage;
    use tombolo_sandbox::send_fds;

    use super::*;
    use crate::passages::Passages;
    use crate::table::Table;
    use crate::wire;

    fn called() -> Called {
        let app = |tenant: &str, app: &str| AppOf { tenant: tenant.into(), app: app.into() };
        let grants = vec!["http GET http://billing.internal/v1/*".to_owned()];
        let host = "billing.internal".to_owned();
        Called::new(Call { from: app("acme", "shop"), to: app("acme", "billing"), grants, host })
            .expect("a call")
    }

    #[test]
    fn method_and_path_are_what_the_callers_grants_say() {
        let called = called();
        assert!(called.is_granted(&Method::GET, "/v1/x"));
        assert!(!called.is_granted(&Method::POST, "/v1/x"));
        assert!(!called.is_granted(&Method::GET, "/v2"));
        assert!(!called.is_granted(&Method::GET, "/v1/../v2"));
    }

    #[test]
    fn what_the_called_app_learns_of_the_caller_is_what_the_broker_said() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("host", "admin.internal"), ("x-tombolo-caller", "other/app"), ("x-tombolo-app", "admin")]
        {
            headers.insert(name, HeaderValue::from_static(value));
        }
        called().introduce(&mut headers, 3);
        let all = |name: &str| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all("host"), ["billing.internal"]);
        assert_eq!(all("x-tombolo-caller"), ["acme/shop"]);
        assert_eq!(all("x-tombolo-app"), ["billing"]);
        assert_eq!(all("x-tombolo-hops"), ["3"]);
    }

    /// The head of the first request that comes by a passage, if one does.
    async fn first_request(cell: &OwnedFd) -> Option<String> {
        let (_, mut connections) = recv_fds(cell, &mut [0]).ok()?;
        let mut connection = stream(connections.pop().expect("a connection")).expect("a stream");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(connection.read_u8().await.expect("a request")));
        }
        Some(head)
    }

    #[tokio::test]
    async fn a_request_goes_to_the_cell_of_the_called_app_whatever_it_says() {
        let (passages, mut cells) = (Passages::default(), Vec::new());
        for cell in [1, 2] {
            let (passage, theirs) = Passage::new().expect("a passage");
            passages.add(cell, passage);
            cells.push(theirs);
        }
        let app = |cell, app: &str| wire::CellRoutes {
            cell,
            owner: "acme".into(),
            app: app.into(),
            routes: vec![format!("http * /{app}/*")],
        };
        let table = Current::default();
        let apps = vec![app(1, "billing"), app(2, "admin")];
        table.replace(Table::new(&wire::Table { version: 1, cells: apps, handed: Vec::new() })).await;
        let (broker, gateway) = StdSocket::pair().expect("a pair");
        let calls = Calls::new(gateway.into()).expect("a socket");
        let outbox = Rc::<Outbox>::default();
        let serving = calls.serve(table, Pool::new(passages, Rc::clone(&outbox)), Rc::clone(&outbox));
        let local = tokio::task::LocalSet::new();
        local.spawn_local(async move { tokio::join!(serving, outbox.keep_sending(|| ())) });
        local.run_until(call_an_app(&broker, &cells)).await;
    }

    async fn call_an_app(broker: &StdSocket, cells: &[OwnedFd]) {
        let of = |app: &str| AppOf { tenant: "acme".into(), app: app.into() };
        let grants = vec!["http GET http://billing.internal/*".into()];
        let call = Call { from: of("shop"), to: of("billing"), grants, host: "billing.internal".into() };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        send_fds(broker, &serde_json::to_vec(&call).expect("text"), &[theirs.as_fd()]).expect("sent");
        let mut ours = stream(ours.into()).expect("a stream");
        let lies = "host: admin.internal\r\nx-tombolo-app: admin\r\nx-tombolo-hops: 3\r\n";
        let request = format!("GET /admin/x HTTP/1.1\r\n{lies}\r\n");
        ours.write_all(request.as_bytes()).await.expect("sent");
        let head = loop {
            match first_request(&cells[0]).await {
                Some(head) => break head,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        assert!(head.starts_with("GET /admin/x HTTP/1.1\r\n"), "{head}");
        for field in [
            "host: billing.internal",
            "x-tombolo-app: billing",
            "x-tombolo-caller: acme/shop",
            "x-tombolo-hops: 4",
        ] {
            assert!(head.contains(&format!("\r\n{field}\r\n")), "{field}: {head}");
        }
        assert!(first_request(&cells[1]).await.is_none(), "the other app's cell");
    }

    #[test]
    fn a_number_of_calls_that_nobody_would_say_is_too_many() {
        let said = |text: &str| {
            let value = HeaderValue::from_str(text).expect("a value");
            hops(&[(HOPS, value)].into_iter().collect())
        };
        assert_eq!(hops(&HeaderMap::new()), Some(0));
        assert_eq!(said("16"), Some(16));
        for text in ["-1", "256", "", "0x1"] {
            assert_eq!(said(text), None, "{text:?}");
        }
    }
}
