//! What a function asks for and does not get: in the log with what to add, and in the metrics by grant.

use serde_json::Value;

use crate::common::{folder, guest};
use crate::world::Server;

#[test]
fn a_refusal_is_a_line_of_the_log_with_the_grant_to_add() {
    let server = Server::start(&[path(&guest("rust-http-faults")).as_str()]);
    let answer = server.body("/fan-out?127.0.0.1:9/x");
    assert_eq!(answer, "0 answered\n");
    let line = server.wait_for(&["\"event\":\"refused\"", "127.0.0.1:9/x"]);
    let line: Value = serde_json::from_str(&line).expect("a line of JSON");
    let request: Value = serde_json::from_str(&server.wait_for(&["\"event\":\"request\"", "/fan-out"]))
        .expect("a line of JSON");
    assert_eq!(line["function"], "rust-http-faults.wasm");
    assert_eq!(line["revision"], request["revision"]);
    assert_eq!(line["request_id"], request["request"]);
    assert_eq!(line["kind"], "http");
    assert_eq!(line["request"], "http GET http://127.0.0.1:9/x");
    assert!(line["reason"].as_str().is_some_and(|reason| reason.contains("no grant")), "{line}");
    assert_eq!(line["add"], "http GET http://127.0.0.1:9/x");
    let lines = server.lines().iter().filter(|line| line.contains("\"event\":\"refused\"")).count();
    assert!(lines <= 8, "a hundred equal refusals are told at 1, 2, 4, …: {lines}");
}

#[test]
fn uses_and_refusals_are_counted_by_grant() {
    let folder = folder(&[("data/x", "")]);
    let dir = format!("dir {} as /tmp read", path(&folder.path().join("data")));
    let admin = path(&folder.path().join("admin.sock"));
    let guest = path(&guest("rust-http-faults"));
    let server =
        Server::start(&[guest.as_str(), "-g", &dir, "-g", "random", "--admin", &format!("unix:{admin}")]);
    assert!(server.body("/count").contains("written false"));
    server.get("/fan-out?10.0.0.1/");
    server.get("/random?8");
    let metrics = crate::world::curl(&["--unix-socket", &admin, "http://x/metrics"]);
    let value = |family: &str, grant: &str| -> u64 {
        let start = format!("{family}{{function=\"rust-http-faults.wasm\",grant=\"{grant}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {start}:\n{metrics}")).parse().expect("a number")
    };
    assert!(value("tombolo_grant_refusals_total", &dir) > 0, "writing where only reading is granted");
    assert_eq!(value("tombolo_grant_refusals_total", ""), 100);
    assert!(value("tombolo_grant_uses_total", "random") > 0);
}

fn path(path: &std::path::Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}
