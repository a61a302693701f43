//! Secrets are planted wherever one may come in, and must come out nowhere.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::common::{folder, guest};
use crate::tokens::routes;
use crate::world::{Node, guest_app};

/// Everything that is looked at: where it is, and what is in it.
type Found = Vec<(String, Vec<u8>)>;

/// What the tenant's secret is, and what clients send along with their requests.
const SECRETS: [&str; 5] =
    ["planted-tenant-secret", "planted-query", "planted-authorization", "planted-cookie", "planted-body"];

#[test]
fn planted_secrets_are_in_no_log_error_metric_answer_environment_or_file() {
    let node = Node::start_in_folder(folder(&[("config/secrets/default/db-password", SECRETS[0])]));
    let grants = "\"secret db-password reveal\", \"kv bench read\", \"http GET https://b.example/*\"";
    guest_app(&node, "default", "faults", &guest("rust-http-faults"), "http * /*", grants).exits(0);
    let [_, query, authorization, cookie, body] = SECRETS;
    for path in ["/", "/trap", "/exit", "/nothing", "/two-lengths", "/logs", "/fan-out?a.example/x"] {
        node.raw(&format!(
            "POST {path}?{query} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {authorization}\r\ncookie: \
             a={cookie}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ));
    }
    node.run(&["invoke", "faults/web", "--data", body]);
    let token = node.run(&["token", "create", "default", "--role", "admin"]).exits(0).stdout;
    let token = token.trim();
    assert!(node.get("/env").1.contains(SECRETS[0]), "the function has the secret that is looked for");
    node.until("requests are in the log", || node.run(&["logs", "faults"]).stdout.contains("/fan-out"));

    let mut found = answers(&node, token);
    found.push(("what the node says".to_owned(), node.log().into_bytes()));
    files(&node.state(), &mut found);
    sockets(&node, &mut found);
    processes(&node, &mut found);
    for part in ["GET /v1/events", "0.jsonl", "/metrics", "environ", "state.db", "GET /v1/stats"] {
        assert!(found.iter().any(|(place, _)| place.contains(part)), "{part} was not looked at");
    }
    for secret in SECRETS.iter().copied().chain([token]) {
        for (place, bytes) in &found {
            let is_in = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!is_in, "{secret} is in {place}: {}", String::from_utf8_lossy(bytes));
        }
    }
}

/// What the API answers to everything that only looks, with the token and over the node's own socket.
fn answers(node: &Node, token: &str) -> Found {
    let paths = routes().into_iter().filter(|(method, ..)| method == "GET").map(|(_, path, _)| path);
    let paths = paths.map(|path| path.replace("acme", "default").replace("/web", "/faults"));
    let ask = |path: String| {
        let more = format!("host: tombolo\r\nauthorization: Bearer {token}\r\n");
        (format!("GET {path}"), ask(&node.folder.path().join("run/api.sock"), &path, &more))
    };
    paths.map(ask).collect()
}

fn ask(socket: &Path, path: &str, headers: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect(socket).expect("connected");
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 "), "{path}: {}", String::from_utf8_lossy(&answer));
    answer
}

/// All files of the node's state; stores are the apps' own.
fn files(folder: &Path, found: &mut Found) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("data") {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), std::fs::read(&path).expect("readable")));
        }
    }
}

/// What cells say to those who operate them.
fn sockets(node: &Node, found: &mut Found) {
    let entries = std::fs::read_dir(node.folder.path().join("run/cells")).expect("readable");
    let paths = entries.map(|entry| entry.expect("readable").path());
    for socket in paths.filter(|path| path.extension().is_some_and(|end| end == "admin")) {
        for page in ["/metrics", "/observed", "/healthz"] {
            found.push((format!("{}{page}", socket.display()), ask(&socket, page, "host: tombolo\r\n")));
        }
    }
}

/// The command line and the environment of the node and all that it started.
fn processes(node: &Node, found: &mut Found) {
    let mut family = vec![node.pid()];
    let mut place = 0;
    while let Some(pid) = family.get(place).copied() {
        for file in ["cmdline", "environ"] {
            let path = format!("/proc/{pid}/{file}");
            // A process that is not dumpable is read by nobody.
            found.push((path.clone(), std::fs::read(&path).unwrap_or_default()));
        }
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        place += 1;
    }
    assert!(family.len() >= 4, "node, gateway, and a cell with its front: {family:?}");
}
