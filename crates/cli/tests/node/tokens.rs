//! Every route of the API, taken from its document, with every kind of token.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::world::Node;

/// A node that answers its API at an address too, with the tenants `acme` and `beta`.
struct Remote {
    node: Node,
    api: String,
}

impl Remote {
    fn start() -> Remote {
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let api = free.to_string();
        let node = Node::start_with(&["--api", &api]);
        node.run(&["tenant", "add", "acme"]).exits(0);
        node.run(&["tenant", "add", "beta"]).exits(0);
        Remote { node, api }
    }

    fn token(&self, tenant: &str, role: &str, more: &[&str]) -> String {
        let args = [&["token", "create", tenant, "--role", role], more].concat();
        self.node.run(&args).exits(0).stdout.trim().to_owned()
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.api).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let request =
            format!("{method} {path} HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    fn with_token(&self, method: &str, path: &str, token: &str) -> u16 {
        self.ask(method, path, &format!("host: {}\r\nauthorization: Bearer {token}\r\n", self.api))
    }
}

/// Every route as (method, path, role), for an app of `acme` that does not exist.
pub(crate) fn routes() -> Vec<(String, String, String)> {
    let digest = format!("sha256:{}", "0".repeat(64));
    routes_with(|part| match part {
        "tenant" => "acme".to_owned(),
        "digest" => digest.clone(),
        "event" => "000000000000".to_owned(),
        _ => "web".to_owned(),
    })
}

/// Every route with something of one's own in place of its parts in braces.
fn routes_with(part: impl Fn(&str) -> String) -> Vec<(String, String, String)> {
    let document = include_str!("../../../../docs/openapi.json");
    let document: Value = serde_json::from_str(document).expect("JSON");
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let named = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => part(name),
            None => segment.to_owned(),
        };
        let path = path.split('/').map(named).collect::<Vec<_>>().join("/");
        for (method, operation) in operations.as_object().expect("operations") {
            let role = operation["x-role"].as_str().expect("a role").to_owned();
            routes.push((method.to_uppercase(), path.clone(), role));
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

#[test]
fn every_route_asks_for_a_token_of_its_role_and_tenant() {
    let remote = Remote::start();
    let own = format!("host: {}\r\n", remote.api);
    let expired = remote.token("acme", "admin", &["--expires", "1ms"]);
    let [read, deploy, admin] = ["read", "deploy", "admin"].map(|role| remote.token("acme", role, &[]));
    let stranger = remote.token("beta", "deploy", &[]);
    for (method, path, role) in routes() {
        let (method, path) = (method.as_str(), path.as_str());
        assert_eq!(remote.ask(method, path, &own), 401, "{method} {path} without a token");
        assert_eq!(
            remote.with_token(method, path, "tombolo_0"),
            401,
            "{method} {path} with an invented token"
        );
        assert_eq!(remote.with_token(method, path, &expired), 401, "{method} {path} with an expired token");
        let is_of_tenant = path.starts_with("/v1/tenants/acme/");
        for (token, who, allowed) in [
            (&read, "read", role == "read"),
            (&deploy, "deploy", role != "admin"),
            (&stranger, "another tenant", role != "admin" && !is_of_tenant),
            (&admin, "admin", true),
        ] {
            let status = remote.with_token(method, path, token);
            assert_eq!(status != 403, allowed, "{method} {path} as {who}: {status}");
            assert_ne!(status, 401, "{method} {path} as {who}");
        }
    }
    for token in [read, deploy, admin, stranger] {
        assert!(!remote.node.log().contains(&token), "no token is in the log");
    }
}

#[test]
fn a_valid_token_does_not_help_a_web_page() {
    let remote = Remote::start();
    let admin = remote.token("acme", "admin", &[]);
    let with =
        |more: &str| remote.ask("GET", "/v1/node", &format!("authorization: Bearer {admin}\r\n{more}"));
    assert_eq!(with(&format!("host: {}\r\n", remote.api)), 200);
    assert_eq!(with("host: rebound.example\r\n"), 403);
    assert_eq!(with(&format!("host: {}\r\norigin: http://{}\r\n", remote.api, remote.api)), 403);
}

#[test]
fn names_that_are_none_are_refused_before_anything_else() {
    let remote = Remote::start();
    let admin = remote.token("acme", "admin", &[]);
    for name in ["..", "%2e%2e", "a%2fb", "%D0%B0cme", "acme%00", "ACME", "-acme", &"a".repeat(4096)] {
        for (method, path, _) in
            routes_with(|_| name.to_owned()).into_iter().filter(|(_, path, _)| path.contains(name))
        {
            let status = remote.with_token(&method, &path, &admin);
            assert!(status == 400 || status == 404, "{method} {path}: {status}");
        }
    }
    assert!(!remote.node.log().contains("cannot"), "nothing was made of them: {}", remote.node.log());
}
