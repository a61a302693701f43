//! A listener that belongs to one tenant alone is its cell's: no gateway between.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tls::{curl_at, put};
use crate::certificates::Certificate;
use crate::common::{TempDir, folder};
use crate::world::{App, ENVIRONMENT, Node, signal, try_get};

/// A node with a listener for all, and one for the tenant `acme` alone.
fn start(folder: TempDir, own: &str) -> Node {
    let node = Node::start_in(
        folder,
        "127.0.0.1:0",
        &["--trial", "50ms", "--listen", own],
        None,
        crate::common::binary(),
    );
    node.run(&["tenant", "add", "acme"]).exits(0);
    node
}

fn acme(on: &'static str, text: &str) -> App {
    App { tenant: "acme", ..App::saying("shop", on, text) }
}

#[test]
fn it_answers_for_its_tenant_alone_and_needs_no_gateway() {
    let node = start(folder(&[]), "127.0.0.1:0=acme");
    let own = |path: &str| try_get(node.own_address("acme"), path).expect("an answer");
    assert_eq!(own("/shop/").0, 404, "the gateway answers while there is no cell");
    node.apply(&App::saying("web", "http * /*", "everybody's")).exits(0);
    assert_eq!(own("/shop/").0, 404, "of others' apps it knows nothing");
    node.apply(&App { wat: ENVIRONMENT.into(), ..acme("http * /shop/*", "") }).exits(0);
    signal(node.gateway().expect("a gateway"), "STOP");
    let (status, environment) = own("/shop/");
    assert_eq!(status, 200);
    let variables: Vec<&str> = environment.split('\0').collect();
    assert!(variables.contains(&"REMOTE_ADDR=127.0.0.1"), "{variables:?}");
    assert!(!environment.contains("HTTP_X_FORWARDED"), "nobody forwarded it: {variables:?}");
    assert_eq!(own("/").0, 404, "others' routes are not its own");
    signal(node.gateway().expect("a gateway"), "KILL");
    node.until("its app is there for everybody too", || {
        node.try_get("/shop/")
            .is_some_and(|(status, body)| status == 200 && body.contains("HTTP_X_FORWARDED"))
    });
}

#[test]
fn a_cell_that_dies_or_is_removed_gives_it_back() {
    let node = start(folder(&[]), "127.0.0.1:0=acme");
    node.apply(&acme("http * /*", "hello")).exits(0);
    let own = || try_get(node.own_address("acme"), "/");
    assert_eq!(own(), Some((200, "hello".into())));
    signal(node.cells()[0], "KILL");
    node.until("another cell has it", || own() == Some((200, "hello".into())));
    node.run(&["remove", "shop", "--tenant", "acme"]).exits(0);
    node.until("nobody answers for it", || own().is_some_and(|(status, _)| status == 404));
    node.apply(&acme("http * /*", "again")).exits(0);
    assert_eq!(own(), Some((200, "again".into())));
}

#[test]
fn no_request_is_dropped_while_revisions_change() {
    let node = start(folder(&[]), "127.0.0.1:0=acme");
    node.apply(&acme("http * /*", "0")).exits(0);
    let (address, done) = (node.own_address("acme"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| ask_until(address, &done))).collect();
        for text in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            node.apply(&acme("http * /*", text)).exits(0);
            assert_eq!(
                try_get(address, "/"),
                Some((200, text.into())),
                "a new connection gets the new revision"
            );
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            let (answers, connections) = client.join().expect("no request failed");
            assert!(answers > connections && connections > 1, "{answers} answers, {connections} connections");
        }
    });
}

/// Asks on one connection as long as the server keeps it, and then on another; counts answers and connections.
fn ask_until(address: &str, done: &AtomicBool) -> (usize, usize) {
    let (mut answers, mut connections) = (0, 0);
    while !done.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).expect("connected");
        connections += 1;
        while !done.load(Ordering::Relaxed) {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
            let head = answer(&mut stream);
            answers += 1;
            if head.contains("connection: close") {
                break;
            }
        }
    }
    (answers, connections)
}

/// Reads an answer with a body of one byte; gives its head.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer to each request");
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).expect("ASCII").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 1\r\n"), "{head}");
    stream.read_exact(&mut [0]).expect("a body");
    head
}

#[test]
fn it_speaks_tls_with_certificates_of_its_own() {
    let folder = folder(&[]);
    for name in ["one", "two"] {
        Certificate::make(folder.path(), name, &["localhost"]);
    }
    let take = |folder: &Path, name: &str| {
        put(&folder.join(name).with_extension("crt"), &folder.join("config/certificates/acme/web.pem"));
        put(&folder.join(name).with_extension("key"), &folder.join("config/certificates/acme/web.key"));
    };
    take(folder.path(), "one");
    let node = start(folder, "https://127.0.0.1:0=acme");
    node.apply(&acme("http * /*", "hello")).exits(0);
    signal(node.gateway().expect("a gateway"), "STOP");
    let own = node.own_address("acme").trim_start_matches("https://");
    let trusts = |name: &str| curl_at(&node, own, name, &[]).as_deref() == Some("hello");
    assert!(trusts("one") && !trusts("two"));
    take(node.folder.path(), "two");
    node.until("the cell has the other certificate", || trusts("two"));
    assert!(!trusts("one"));
}
