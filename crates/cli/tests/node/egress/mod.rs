//! Connections of cells that have no network: made by the broker, handed over, and lost with it.
//!
//! What may be reached and what not is tried at length in `tests/egress`, on a node as well.

mod broken;
mod origin;
mod process;
mod taken_over;

use serde_json::Value;

use crate::common::{Done, guest};
use crate::world::{Node, guest_app};
use origin::{Origin, Secure};

/// Deploys a function that answers `GET /out/?URL` with what is at the URL.
fn fetcher(node: &Node, grants: &[&str]) -> Done {
    let grants: Vec<String> = grants.iter().map(|grant| format!("{grant:?}")).collect();
    let wasm = guest("rust-http-fetch");
    guest_app(node, "default", "out", &wasm, "http * /out/*", &grants.join(", "))
}

fn under(grants: &[&str]) -> Node {
    Node::start_under(&format!("grants = {}\n", serde_json::json!(grants)))
}

/// The function gets what is at this port.
#[track_caller]
fn fetches(node: &Node, port: u16) {
    let (status, body) = node.get(&format!("/out/?http://127.0.0.1:{port}/"));
    assert_eq!((status, body.contains("ok")), (200, true), "{body}; the node said: {}", node.log());
}

/// What the app's log says of refusals.
fn refusals(node: &Node) -> Vec<Value> {
    let logs = node.run(&["logs", "out", "--lines", "1000"]).exits(0).stdout;
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == "refused").collect()
}

#[test]
fn requests_of_a_function_share_a_connection_that_was_handed_over() {
    let origin = Origin::start();
    let grant = format!("http GET http://127.0.0.1:{}/*", origin.port);
    let node = under(&[&grant]);
    fetcher(&node, &[&grant]).exits(0);
    for _ in 0..5 {
        fetches(&node, origin.port);
    }
    assert_eq!(origin.connections(), 1, "each request made a connection");
}

#[test]
fn what_is_refused_is_told_with_the_grant_that_came_closest() {
    let origin = Origin::start();
    let grant = format!("http GET http://origin.localhost:{}/*", origin.port);
    let node = under(&[&grant]);
    fetcher(&node, &[&grant]).exits(0);
    for url in ["http://127.0.0.1:1/", "http://10.0.0.7/", "http://169.254.169.254/", "https://example.com/"]
    {
        let (status, body) = node.get(&format!("/out/?{url}"));
        assert_eq!((status, body.contains("HttpRequestDenied")), (502, true), "{url}: {body}");
    }
    let (status, body) = node.get("/out/?http://origin.localhost:1/");
    assert_eq!((status, body.contains("HttpRequestDenied")), (502, true), "another port: {body}");
    node.until("five refusals", || refusals(&node).len() == 5);
    let refusals = refusals(&node);
    let by_grant = refusals.iter().filter(|line| line["grant"] == *grant);
    assert_eq!(by_grant.count(), 1, "the other port is under the grant's own id: {refusals:?}");
    assert!(refusals.iter().any(|line| line["add"] == "http GET http://10.0.0.7/"), "{refusals:?}");
    assert_eq!(origin.connections(), 0);
}

#[test]
fn tls_is_the_cells_and_trusts_whom_the_operator_named() {
    let secure = Secure::start();
    let grant = format!("http GET https://127.0.0.1:{}/*", secure.port);
    let url = format!("/out/?https://127.0.0.1:{}/", secure.port);
    for (trusted, expected) in [(Some(secure.authority()), 200), (None, 502)] {
        let folder = crate::common::folder(&[("config/ceiling.toml", &format!("grants = [{grant:?}]\n"))]);
        let node = Node::start_trusting(folder, trusted);
        fetcher(&node, &[&grant]).exits(0);
        let (status, body) = node.get(&url);
        assert_eq!(status, expected, "{body}");
        assert!(status == 200 || body.contains("TlsCertificateError"), "{body}");
    }
}
