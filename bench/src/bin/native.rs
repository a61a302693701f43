//! The native server that the others are compared with: hyper, one single-threaded runtime per processor it may
//! use, each with its own listener on the same port (`SO_REUSEPORT`).
//!
//! `native-server PORT`; the environment variable `UPSTREAM` is the URL that `/fetch` asks.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::{Domain, Protocol, Socket, Type};
use tombolo_bench::cpus;

type Body = BoxBody<Bytes, hyper::Error>;

struct Upstream {
    client: Client<HttpConnector, Empty<Bytes>>,
    uri: Option<Uri>,
}

fn main() -> anyhow::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| anyhow::anyhow!("usage: native-server PORT"))?;
    let cpus = cpus::allowed();
    let threads: Vec<_> =
        cpus.into_iter().map(|cpu| std::thread::spawn(move || serve_on(cpu, port))).collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
}

fn serve_on(cpu: usize, port: u16) -> anyhow::Result<()> {
    cpus::pin_to(cpu)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(serve(port)))
}

async fn serve(port: u16) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listen(port)?.into())?;
    let uri = std::env::var("UPSTREAM").ok().map(|uri| uri.parse()).transpose()?;
    let upstream = Arc::new(Upstream { client: Client::builder(TokioExecutor::new()).build_http(), uri });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let upstream = upstream.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| answer(request, upstream.clone()));
            // A client that breaks off is no fault of the server.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn listen(port: u16) -> anyhow::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(1024)?;
    Ok(socket)
}

async fn answer(request: Request<Incoming>, upstream: Arc<Upstream>) -> Result<Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        "/json" => text(json_work::work(&json_work::document()).unwrap_or_default()),
        "/echo" => Response::new(request.into_body().boxed()),
        "/fetch" => fetch(&upstream).await,
        _ => text("Hello, world!\n"),
    })
}

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed())
}

async fn fetch(upstream: &Upstream) -> Response<Body> {
    let Some(uri) = upstream.uri.clone() else {
        return status(StatusCode::BAD_REQUEST);
    };
    match upstream.client.get(uri).await {
        Ok(answer) => Response::new(answer.into_body().boxed()),
        Err(_) => status(StatusCode::BAD_GATEWAY),
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = text("");
    *response.status_mut() = status;
    response
}
