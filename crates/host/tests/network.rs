//! Built guests of WASI 0.2 and 0.3 reach peers on loopback, and nothing that no grant names.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use support::{Ran, grants, guest, run_args};
use tombolo_host::{Network, NetworkConfig, Template, TemplateParts};
use tombolo_spec::{LimitOverrides, Profile};

const BOTH: [&str; 2] = ["rust-net", "rust-net-p3"];

/// Echoes what each connection sends, and answers requests for a page.
struct Peer {
    port: u16,
    connections: Arc<AtomicUsize>,
}

fn peer() -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(len @ 1..) = stream.read(&mut buffer) {
                    let asked = String::from_utf8_lossy(&buffer[..len]);
                    let reply = match asked.starts_with("GET ") {
                        true => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\npage\n".to_owned(),
                        false => asked.into_owned(),
                    };
                    if stream.write_all(reply.as_bytes()).is_err() {
                        break;
                    }
                }
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    Peer { port, connections }
}

fn template(args: &[&str], lines: &[&str], limits: &[&str]) -> Arc<Template> {
    let mut config = NetworkConfig::empty();
    config.names.hosts = "10.9.8.7 db.home.arpa\n127.0.0.1 peer.localhost\n".to_owned();
    let mut parts = TemplateParts::new("net", grants(lines));
    parts.args = ["net"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    parts.network = Some(Arc::new(Network::new(&config).unwrap()));
    let mut overrides = LimitOverrides::default();
    for line in limits {
        overrides.set_line(line).unwrap();
    }
    parts.limits = overrides.resolve(Profile::Run);
    Arc::new(Template::prepare(parts).unwrap())
}

/// Runs a guest with these arguments under these grants; `None` where guests are not built.
async fn net(name: &str, args: &[&str], lines: &[&str]) -> Option<(Ran, Arc<Template>)> {
    let wasm = guest(name)?;
    let template = template(args, lines, &[]);
    let ran = run_args(&wasm, &template).await;
    Some((ran, template))
}

fn refusals(template: &Template) -> Vec<String> {
    template.ledger().report().refusals.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn granted_names_are_looked_up_and_others_are_denied() {
    for name in BOTH {
        let Some((ran, template)) = net(name, &["dns", "db.home.arpa"], &["dns *.home.arpa"]).await else {
            return;
        };
        assert_eq!((ran.stdout.as_str(), ran.exit), ("10.9.8.7\n", 0), "{name}: {:?}", ran.error);
        assert_eq!(template.ledger().report().grants[0].used, 1);
        let (ran, template) = net(name, &["dns", "db.home.arpa"], &[]).await.unwrap();
        assert_eq!(ran.exit, 1, "{name}");
        assert!(
            ran.stdout.to_lowercase().replace('-', "").contains("accessdenied"),
            "{name}: {}",
            ran.stdout
        );
        assert_eq!(
            refusals(&template),
            ["refused: dns db.home.arpa: no grant allows it; grant 'dns db.home.arpa'"]
        );
    }
}

#[tokio::test]
async fn connections_go_where_a_grant_says_and_nowhere_else() {
    for name in BOTH {
        let peer = peer();
        let target = format!("127.0.0.1:{}", peer.port);
        let granted = format!("tcp connect {target}");
        let Some((ran, template)) = net(name, &["tcp", &target, "hello"], &[&granted]).await else { return };
        assert!(ran.stdout.contains("connected") && ran.exit == 0, "{name}: {} {:?}", ran.stdout, ran.error);
        assert_eq!(template.ledger().report().grants[0].used, 1);
        let (ran, template) =
            net(name, &["tcp", &target, "hello"], &["tcp connect 127.0.0.1:1"]).await.unwrap();
        assert_eq!(ran.exit, 1, "{name}: {}", ran.stdout);
        assert!(refusals(&template)[0].contains("loopback address 127.0.0.1"), "{:?}", refusals(&template));
        assert_eq!(peer.connections.load(Ordering::Relaxed), 1, "{name}");
    }
}

#[tokio::test]
async fn a_connection_to_a_granted_name_follows_its_lookup() {
    let peer = peer();
    let target = format!("peer.localhost:{}", peer.port);
    let granted = format!("tcp connect {target}");
    let Some((ran, _)) = net("rust-net", &["tcp", &target, "hello"], &[&granted]).await else { return };
    assert!(ran.stdout.contains("hello"), "{} {:?}", ran.stdout, ran.error);
    let direct = format!("127.0.0.1:{}", peer.port);
    let (ran, _) = net("rust-net", &["tcp", &direct, "hello"], &[&granted]).await.unwrap();
    assert_eq!(ran.exit, 1, "the address alone is not the name");
}

#[tokio::test]
async fn datagrams_are_exchanged_with_granted_peers_only() {
    for name in BOTH {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let target = socket.local_addr().unwrap().to_string();
        let granted = format!("udp connect {target}");
        std::thread::spawn(move || {
            let mut buffer = [0; 100];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..len], from);
            }
        });
        let Some((ran, _)) = net(name, &["udp", &target, "ping"], &[&granted]).await else { return };
        assert!(ran.stdout.contains("ping") && ran.exit == 0, "{name}: {} {:?}", ran.stdout, ran.error);
        let (ran, template) = net(name, &["udp", &target, "ping"], &[]).await.unwrap();
        assert_eq!(ran.exit, 1, "{name}: {}", ran.stdout);
        assert!(
            refusals(&template)[0].starts_with("refused: udp connect 127.0.0.1"),
            "{:?}",
            refusals(&template)
        );
    }
}

#[tokio::test]
async fn pages_are_fetched_under_a_grant_and_denied_without() {
    for name in BOTH {
        let peer = peer();
        let url = format!("http://127.0.0.1:{}/a", peer.port);
        let granted = format!("http GET http://127.0.0.1:{}/*", peer.port);
        let Some((ran, _)) = net(name, &["fetch", &url], &[&granted]).await else { return };
        assert!(ran.stdout.contains("page") && ran.exit == 0, "{name}: {} {:?}", ran.stdout, ran.error);
        let (ran, template) = net(name, &["fetch", &url], &["http POST http://127.0.0.1:1/*"]).await.unwrap();
        assert_eq!(ran.exit, 1, "{name}: {}", ran.stdout);
        assert!(
            ran.stdout.to_lowercase().replace(['-', ' '], "").contains("denied"),
            "{name}: {}",
            ran.stdout
        );
        assert!(refusals(&template)[0].starts_with("refused: http GET"), "{:?}", refusals(&template));
        assert_eq!(peer.connections.load(Ordering::Relaxed), 1, "{name}");
    }
}

#[tokio::test]
async fn what_a_socket_transfers_is_bounded() {
    let Some(wasm) = guest("rust-net") else { return };
    let peer = peer();
    let target = format!("127.0.0.1:{}", peer.port);
    let granted = format!("tcp connect {target}");
    let template = template(&["tcp", &target, &"x".repeat(700)], &[&granted], &["outbound-bytes=1KiB"]);
    let ran = run_args(&wasm, &template).await;
    assert_ne!((ran.exit, ran.error.is_none()), (0, true), "700 bytes there and 700 back: {}", ran.stdout);
    assert!(refusals(&template)[0].contains("outbound-bytes=1KiB"), "{:?}", refusals(&template));
}
