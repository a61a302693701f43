use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::client::send;
use crate::template::Template;
use crate::testing::{DnsStub, Origin, net, refusals, template, to};

fn empty() -> WasiBody {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

fn full(body: impl Into<Bytes>) -> WasiBody {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

fn request(method: &str, url: &str, body: WasiBody) -> Request<WasiBody> {
    Request::builder().method(method).uri(url).body(body).unwrap()
}

async fn get(template: &Arc<Template>, url: &str) -> Result<Response<WasiBody>, Error> {
    send(net(template), request("GET", url, empty()), RequestOptions::default()).await
}

async fn text(response: Response<WasiBody>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Denied before anything is looked up or connected, and recorded.
async fn check_denied(grants: &[&str], method: &str, url: &str, refusal: &str) {
    let template = template(grants, &[], None);
    let sent = send(net(&template), request(method, url, empty()), RequestOptions::default()).await;
    assert!(matches!(sent, Err(Error::HttpRequestDenied)), "{url}: {:?}", sent.err());
    assert_eq!(refusals(&template), [refusal], "{url}");
}

#[tokio::test]
async fn a_granted_request_is_sent_and_counted() {
    let origin = Origin::start(|request| {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        Response::new(Full::from(format!("{} {} {host}", request.method(), request.uri())))
    })
    .await;
    let grant = format!("http GET http://127.0.0.1:{}/v1/*", origin.port());
    let template = template(&[&grant], &[], None);
    let response = get(&template, &format!("http://127.0.0.1:{}/v1/a?b=c", origin.port())).await.unwrap();
    assert_eq!(text(response).await, format!("GET /v1/a?b=c 127.0.0.1:{}", origin.port()));
    assert_eq!(template.ledger().report().grants[0].used, 1);
}

#[tokio::test]
async fn what_no_grant_names_is_denied_with_the_grant_that_would() {
    let grant = ["http GET https://api.example.com/v1/*"];
    check_denied(&[], "GET", "https://api.example.com/v1/a", "refused: http GET https://api.example.com/v1/a: no grant allows it; grant 'http GET https://api.example.com/v1/a'").await;
    check_denied(&grant, "POST", "https://api.example.com/v1/a", "refused: http POST https://api.example.com/v1/a: no grant allows it; grant 'http POST https://api.example.com/v1/a'").await;
    check_denied(&grant, "GET", "http://api.example.com/v1/a", "refused: http GET http://api.example.com/v1/a: no grant allows it; grant 'http GET http://api.example.com/v1/a'").await;
    check_denied(&grant, "GET", "https://api.example.com:8443/v1/a", "refused: http GET https://api.example.com:8443/v1/a: no grant allows it; grant 'http GET https://api.example.com:8443/v1/a'").await;
    check_denied(&grant, "GET", "https://api.example.com/v2", "refused: http GET https://api.example.com/v2: no grant allows it; grant 'http GET https://api.example.com/v2'").await;
    check_denied(&grant, "GET", "https://api.example.com.evil.org/v1/a", "refused: http GET https://api.example.com.evil.org/v1/a: no grant allows it; grant 'http GET https://api.example.com.evil.org/v1/a'").await;
}

#[tokio::test]
async fn every_public_host_does_not_mean_this_machine() {
    let any = ["http GET http://*/*"];
    for (url, kind) in [
        ("http://169.254.169.254/", "metadata address 169.254.169.254"),
        ("http://127.0.0.1/", "loopback address 127.0.0.1"),
        ("http://10.0.0.1/", "private address 10.0.0.1"),
        ("http://100.64.0.1/", "carrier-grade NAT address 100.64.0.1"),
        ("http://0.0.0.0/", "unspecified address 0.0.0.0"),
        ("http://[::1]/", "loopback address ::1"),
        ("http://[::ffff:127.0.0.1]/", "loopback address ::ffff:127.0.0.1"),
        ("http://[::7f00:1]/", "loopback address ::7f00:1"),
        ("http://[64:ff9b::7f00:1]/", "loopback address 64:ff9b::7f00:1"),
        ("http://[2002:7f00:1::]/", "loopback address 2002:7f00:1::"),
        ("http://[fe80::1]/", "link-local address fe80::1"),
        ("http://[fd00::1]/", "private address fd00::1"),
    ] {
        let template = template(&any, &[], None);
        assert!(matches!(get(&template, url).await, Err(Error::HttpRequestDenied)), "{url}");
        let refusals = refusals(&template);
        assert!(refusals[0].contains(kind), "{url}: {refusals:?}");
    }
}

#[tokio::test]
async fn hosts_that_programs_read_differently_are_denied() {
    for url in [
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://user@api.example.com/",
        "http://api.example.com:99999/",
    ] {
        let template = template(&["http GET http://*/*"], &[], None);
        let Ok(uri) = url.parse::<http::Uri>() else { continue };
        let request = Request::get(uri).body(empty()).unwrap();
        let sent = send(net(&template), request, RequestOptions::default()).await;
        assert!(matches!(sent, Err(Error::HttpRequestDenied)), "{url}: {:?}", sent.err());
    }
}

#[tokio::test]
async fn without_a_node_there_is_no_app_to_call_and_no_name_server_is_asked() {
    let inside = [to(&["127.0.0.1"])];
    let dns = DnsStub::start(&[("billing.internal", &inside)]).await;
    let template = template(&["http GET http://billing.internal/*"], &[], Some(&dns));
    for url in ["http://billing.internal/", "https://billing.internal/", "http://billing.internal:8080/"] {
        assert!(matches!(get(&template, url).await, Err(Error::HttpRequestDenied)), "{url}");
    }
    assert_eq!(dns.queries.load(std::sync::atomic::Ordering::Relaxed), 0);
    let refusals = refusals(&template);
    assert!(refusals[0].contains("apps of a node, called by http from its other apps"), "{refusals:?}");
    assert!(refusals[1].contains("by http on port 80 alone"), "{refusals:?}");
    assert_eq!(refusals.len(), 3);
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_prohibited_and_nothing_is_connected() {
    let sentinel = Origin::ok().await;
    let answers = [to(&["127.0.0.1", "::1"])];
    let dns = DnsStub::start(&[("evil.example.com", &answers)]).await;
    let grant = format!("http GET http://evil.example.com:{}/*", sentinel.port());
    let template = template(&[&grant], &[], Some(&dns));
    let url = format!("http://evil.example.com:{}/", sentinel.port());
    assert!(matches!(get(&template, &url).await, Err(Error::DestinationIpProhibited)));
    assert_eq!(sentinel.connections(), 0);
    let refusals = refusals(&template);
    assert!(refusals.iter().any(|line| line.contains("loopback address 127.0.0.1")), "{refusals:?}");
    assert_eq!(template.ledger().report().grants[0].refused, 2);
}

#[tokio::test]
async fn an_alias_that_leads_inside_is_prohibited() {
    let sentinel = Origin::ok().await;
    let alias = [crate::testing::Answer::Alias("db.home.arpa")];
    let inside = [to(&["127.0.0.1"])];
    let dns = DnsStub::start(&[("www.example.com", &alias), ("db.home.arpa", &inside)]).await;
    let grant = format!("http GET http://www.example.com:{}/*", sentinel.port());
    let template = template(&[&grant], &[], Some(&dns));
    let url = format!("http://www.example.com:{}/", sentinel.port());
    assert!(matches!(get(&template, &url).await, Err(Error::DestinationIpProhibited)));
    assert_eq!(sentinel.connections(), 0);
}

#[tokio::test]
async fn a_name_that_does_not_exist_and_a_silent_server_are_told_apart() {
    let dns = DnsStub::start(&[]).await;
    let template_a = template(&["http GET http://*.example.com/*"], &[], Some(&dns));
    assert!(matches!(get(&template_a, "http://no.example.com/").await, Err(Error::DnsError { .. })));

    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dead = DnsStub { address: silent.local_addr().unwrap(), queries: Arc::default() };
    let template_b = template(&["http GET http://*.example.com/*"], &["connect-time=500ms"], Some(&dead));
    let error = get(&template_b, "http://no.example.com/").await.unwrap_err();
    assert!(matches!(error, Error::DnsTimeout | Error::ConnectionTimeout), "{error:?}");
}

#[tokio::test]
async fn a_redirect_comes_back_and_its_target_is_a_request_of_its_own() {
    let sentinel = Origin::ok().await;
    let inside = format!("http://127.0.0.1:{}/", sentinel.port());
    let location = inside.clone();
    let origin = Origin::start(move |_| {
        Response::builder().status(302).header("location", location.as_str()).body(Full::default()).unwrap()
    })
    .await;
    let grant = format!("http GET http://127.0.0.1:{}/*", origin.port());
    let template = template(&[&grant], &[], None);
    let response = get(&template, &format!("http://127.0.0.1:{}/", origin.port())).await.unwrap();
    assert_eq!(response.status(), 302);
    assert!(matches!(get(&template, &inside).await, Err(Error::HttpRequestDenied)));
    assert_eq!(sentinel.connections(), 0);
}

#[tokio::test]
async fn a_connection_is_used_again_by_the_next_instance() {
    let origin = Origin::ok().await;
    let grant = format!("http * http://127.0.0.1:{}/*", origin.port());
    let template = template(&[&grant], &[], None);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    for _ in 0..5 {
        assert_eq!(text(get(&template, &url).await.unwrap()).await, "ok");
    }
    assert_eq!((origin.connections(), origin.requests()), (1, 5));
    assert_eq!(template.pool().waiting(), 1);
    assert_eq!(template.ledger().report().grants[0].used, 5);
}

#[tokio::test]
async fn a_response_that_is_not_read_to_its_end_does_not_go_back() {
    let origin = Origin::start(|_| Response::new(Full::from(vec![b'x'; 1 << 20]))).await;
    let grant = format!("http * http://127.0.0.1:{}/*", origin.port());
    let template = template(&[&grant], &[], None);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    drop(get(&template, &url).await.unwrap());
    assert_eq!(template.pool().waiting(), 0);
    get(&template, &url).await.unwrap();
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_its_server_closed_is_replaced() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        // Answers one request on each connection and closes it without saying so.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        }
    });
    let template = template(&[&format!("http GET http://127.0.0.1:{port}/*")], &[], None);
    for _ in 0..4 {
        let response = get(&template, &format!("http://127.0.0.1:{port}/")).await.unwrap();
        assert_eq!(text(response).await, "ok");
    }
}

#[tokio::test]
async fn requests_and_bytes_of_an_instance_are_bounded() {
    let origin = Origin::start(|_| Response::new(Full::from(vec![b'x'; 3000]))).await;
    let grant = format!("http * http://127.0.0.1:{}/*", origin.port());
    let limits = ["outbound-requests=2", "outbound-bytes=4KiB"];
    let template = template(&[&grant], &limits, None);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let net = net(&template);

    let first =
        send(Arc::clone(&net), request("GET", &url, empty()), RequestOptions::default()).await.unwrap();
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes().len(), 3000);
    let second =
        send(Arc::clone(&net), request("GET", &url, empty()), RequestOptions::default()).await.unwrap();
    let error = second.into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::HttpResponseBodySize(Some(4096))), "{error:?}");
    let third = send(net, request("GET", &url, empty()), RequestOptions::default()).await;
    assert!(matches!(third, Err(Error::ConnectionLimitReached)));
    let refusals = refusals(&template);
    assert!(refusals.iter().any(|line| line.contains("outbound-bytes=4KiB")), "{refusals:?}");
    assert!(refusals.iter().any(|line| line.contains("outbound-requests=2")), "{refusals:?}");
}

#[tokio::test]
async fn a_request_body_over_the_limit_ends_the_request() {
    let origin = Origin::ok().await;
    let grant = format!("http * http://127.0.0.1:{}/*", origin.port());
    let template = template(&[&grant], &["outbound-bytes=1KiB"], None);
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let sent =
        send(net(&template), request("POST", &url, full(vec![0; 5000])), RequestOptions::default()).await;
    assert!(matches!(sent, Err(Error::HttpRequestBodySize(Some(1024)))), "{:?}", sent.err());
}

#[tokio::test]
async fn a_silent_peer_ends_in_a_timeout_at_each_step() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if buffer[..read].starts_with(b"GET /body") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
            }
            held.push(stream);
        }
    });
    let grant = format!("http GET http://127.0.0.1:{port}/*");
    let template = template(&[&grant], &["idle-time=100ms"], None);
    let headers = get(&template, &format!("http://127.0.0.1:{port}/headers")).await;
    assert!(matches!(headers, Err(Error::ConnectionReadTimeout)), "{:?}", headers.err());
    let body = get(&template, &format!("http://127.0.0.1:{port}/body")).await.unwrap();
    let error = body.into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");
}

#[tokio::test]
async fn a_guest_can_shorten_a_timeout_but_not_lengthen_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let template = template(&[&format!("http GET http://127.0.0.1:{port}/*")], &["idle-time=200ms"], None);
    let options = RequestOptions {
        connect_timeout: None,
        first_byte_timeout: Some(Duration::from_secs(3600)),
        between_bytes_timeout: None,
    };
    let url = format!("http://127.0.0.1:{port}/");
    let sent = send(net(&template), request("GET", &url, empty()), options).await;
    assert!(matches!(sent, Err(Error::ConnectionReadTimeout)), "{:?}", sent.err());
    drop(listener);
}

#[tokio::test]
async fn what_is_not_http_and_a_header_section_over_the_limit_are_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            let reply = if buffer[..read].starts_with(b"GET /long") {
                format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000))
            } else {
                "SSH-2.0-OpenSSH\r\n".to_owned()
            };
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    let template = template(&[&format!("http GET http://127.0.0.1:{port}/*")], &["headers=16KiB"], None);
    let garbage = get(&template, &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(garbage, Err(Error::HttpProtocolError)), "{:?}", garbage.err());
    let long = get(&template, &format!("http://127.0.0.1:{port}/long")).await;
    assert!(matches!(long, Err(Error::HttpResponseHeaderSectionSize(_))), "{:?}", long.err());
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_refused_by_its_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let template = template(&[&format!("http GET http://127.0.0.1:{port}/*")], &[], None);
    let sent = get(&template, &format!("http://127.0.0.1:{port}/")).await;
    assert!(matches!(sent, Err(Error::ConnectionRefused)), "{:?}", sent.err());
}

#[tokio::test]
async fn a_private_name_that_is_granted_is_reached() {
    let origin = Origin::ok().await;
    let template = template(&[&format!("http GET http://origin.localhost:{}/*", origin.port())], &[], None);
    let response = get(&template, &format!("http://ORIGIN.localhost.:{}/", origin.port())).await.unwrap();
    assert_eq!(text(response).await, "ok");
}
