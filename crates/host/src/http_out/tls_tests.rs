//! HTTPS against a server with a certificate of an authority made for these tests (valid for a hundred years).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::client::send;
use crate::egress::{Network, NetworkConfig, Roots};
use crate::template::{Template, TemplateParts};
use crate::testing::{grants, net};

const AUTHORITY: &[u8] = include_bytes!("testdata/authority.der");
const CERTIFICATE: &[u8] = include_bytes!("testdata/origin.der");
const KEY: &[u8] = include_bytes!("testdata/origin.key.der");

struct Secure {
    port: u16,
    connections: Arc<AtomicUsize>,
}

/// Answers with the version and the host that each request came with.
async fn start(alpn: &[&str]) -> Secure {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service_fn(echo)).await;
            });
        }
    });
    Secure { port, connections }
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("-");
    let authority = request.uri().authority().map_or("-", |authority| authority.as_str());
    Ok(Response::new(Full::from(format!("{:?} {host} {authority}", request.version()))))
}

fn template(grant: &str, roots: Roots) -> Arc<Template> {
    let mut config = NetworkConfig::empty();
    config.roots = roots;
    let mut parts = TemplateParts::new("test", grants(&[grant]));
    let network = Network::new(&config).unwrap();
    network.trust();
    parts.network = Some(Arc::new(network));
    Arc::new(Template::prepare(parts).unwrap())
}

fn trusted() -> Roots {
    Roots::These(vec![CertificateDer::from(AUTHORITY)])
}

async fn get(template: &Arc<Template>, url: &str) -> Result<String, Error> {
    let body: WasiBody = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(url).body(body).unwrap();
    let response = send(net(template), request, RequestOptions::default()).await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_does_and_one_connection_serves_all() {
    let server = start(&["h2", "http/1.1"]).await;
    let template = template(&format!("http GET https://origin.localhost:{}/*", server.port), trusted());
    let url = format!("https://origin.localhost:{}/a", server.port);
    let first = get(&template, &url).await.unwrap();
    assert_eq!(first, format!("HTTP/2.0 - origin.localhost:{}", server.port));
    let (a, b) = tokio::join!(get(&template, &url), get(&template, &url));
    assert_eq!((a.unwrap(), b.unwrap()), (first.clone(), first));
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn http_1_is_spoken_where_the_server_knows_no_other() {
    let server = start(&["http/1.1"]).await;
    let template = template(&format!("http GET https://127.0.0.1:{}/*", server.port), trusted());
    let text = get(&template, &format!("https://127.0.0.1:{}/a", server.port)).await.unwrap();
    assert_eq!(text, format!("HTTP/1.1 127.0.0.1:{} -", server.port));
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_or_of_another_host_is_refused() {
    let server = start(&["http/1.1"]).await;
    let grant = format!("http GET https://*.localhost:{}/*", server.port);
    let strangers = template(&grant, Roots::These(Vec::new()));
    let error = get(&strangers, &format!("https://origin.localhost:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
    let wrong_name = template(&grant, trusted());
    let error = get(&wrong_name, &format!("https://other.localhost:{}/", server.port)).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let plain = crate::testing::Origin::ok().await;
    let template = template(&format!("http GET https://127.0.0.1:{}/*", plain.port()), trusted());
    let error = get(&template, &format!("https://127.0.0.1:{}/", plain.port())).await.unwrap_err();
    assert!(matches!(error, Error::TlsProtocolError | Error::ConnectionTerminated), "{error:?}");
}
