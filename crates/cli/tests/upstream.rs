//! Requests that functions send on, through the built binary: which connections they share.

mod common;
#[path = "common/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use server::{Answer, Server};

/// A web server that keeps connections open for as many requests as it is told to, and counts both.
struct Origin {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    fn start(requests_each: usize) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(stream, requests_each));
            }
        });
        Origin { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn grant(&self) -> String {
        format!("http GET http://127.0.0.1:{}/*", self.port)
    }
}

/// Closes after `requests` without having said so before.
fn answer(stream: TcpStream, requests: usize) {
    let mut lines =
        BufReader::new(stream.try_clone().expect("a second handle")).lines().map_while(Result::ok);
    for _ in 0..requests {
        if lines.by_ref().take_while(|line| !line.is_empty()).count() == 0 {
            return;
        }
        let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

fn ok() -> Answer {
    Answer { status: 200, body: "ok".to_owned() }
}

fn ask(server: &Server, path: &str, origin: &Origin) -> Answer {
    server.ask("GET", &format!("{path}?http://127.0.0.1:{}/", origin.port), b"")
}

#[test]
fn fresh_instances_of_a_function_share_connections_and_functions_do_not() {
    let origin = Origin::start(usize::MAX);
    let guest = common::guest("rust-http-fetch");
    let function = |name: &str| {
        format!(
            "[functions.{name}]\ncomponent = {guest:?}\non = [\"http GET /{name}\"]\ngrants = [\"{}\"]\n",
            origin.grant()
        )
    };
    let manifest = format!("name = \"two\"\nversion = \"1\"\n{}{}", function("a"), function("b"));
    let folder = common::folder(&[("tombolo.toml", &manifest)]);
    let manifest = folder.path().join("tombolo.toml");
    let flags = ["-f", manifest.to_str().expect("text"), "--workers", "1"];
    let server = Server::try_start(&flags).unwrap_or_else(|said| panic!("it does not serve: {said}"));
    (0..10).for_each(|_| assert_eq!(ask(&server, "/a", &origin), ok()));
    assert_eq!(origin.connections(), 1);
    (0..10).for_each(|_| assert_eq!(ask(&server, "/b", &origin), ok()));
    assert_eq!(origin.connections(), 2, "another function has connections of its own");
}

#[test]
fn a_connection_that_the_other_side_has_closed_costs_no_request() {
    let origin = Origin::start(3);
    let guest = common::guest("rust-http-fetch");
    let grant = origin.grant();
    let flags = [guest.to_str().expect("text"), "--workers", "1", "--grant", &grant];
    let server = Server::try_start(&flags).unwrap_or_else(|said| panic!("it does not serve: {said}"));
    for request in 0..12 {
        assert_eq!(ask(&server, "/", &origin), ok(), "request {request}");
        // The end of the connection is on its way.
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(origin.connections(), 4);
}

#[test]
fn a_kept_connection_is_no_way_round_a_grant() {
    let origin = Origin::start(usize::MAX);
    let guest = common::guest("rust-http-fetch");
    let grant = format!("http GET http://127.0.0.1:{}/open/*", origin.port);
    let flags = [guest.to_str().expect("text"), "--workers", "1", "--grant", &grant];
    let server = Server::try_start(&flags).unwrap_or_else(|said| panic!("it does not serve: {said}"));
    let get = |path: &str| server.ask("GET", &format!("/?http://127.0.0.1:{}{path}", origin.port), b"");
    assert_eq!(get("/open/a"), ok());
    assert_eq!(get("/shut/a").status, 502);
    assert_eq!(get("/open/../shut").status, 502);
    assert_eq!(origin.connections(), 1);
}
