//! Why something was refused, what would be enough, and what is written down about it.

use serde_json::Value;

use crate::common::guest;
use crate::world::{App, Node, guest_app, json, path};

/// An app that sends a request to whoever is named in its query.
fn asking(node: &Node, tenant: &str, route: &str, grants: &str) {
    guest_app(node, tenant, "asker", &guest("rust-http-faults"), route, grants).exits(0);
}

/// The newest event of a word.
fn event(node: &Node, word: &str) -> Value {
    let events = json(node.run(&["events", "--json"]));
    let found = events.as_array().expect("a list").iter().rev().find(|event| event["event"] == word).cloned();
    found.unwrap_or_else(|| panic!("no {word} in {events}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn a_refusal_is_explained_by_its_event_and_by_its_request() {
    let node = Node::start();
    asking(&node, "default", "http * /*", "\"http GET https://b.example/*\"");
    node.get("/fan-out?a.example/x");
    node.until("the refusal is in the log", || {
        node.run(&["logs", "asker"]).stdout.contains("\"event\":\"refused\"")
    });
    let refused = event(&node, "refused");
    let (id, request) = (text(&refused, "id"), text(&refused, "request_id"));
    let line = format!("{{\"id\":\"{id}\",");
    assert!(node.run(&["logs", "asker"]).stdout.contains(&line), "the log's line names the event");
    for name in [id, request] {
        let said = node.run(&["explain", name]).exits(0).stdout;
        assert!(
            said.starts_with("default/asker/web revision 1 asked for\n    http GET http://a.example/x\n"),
            "{said}"
        );
        assert!(said.contains("    http GET https://b.example/*\n"), "what it has: {said}");
        assert!(said.contains("add to the grants of [functions.web]"), "{said}");
        assert!(said.contains("    \"http GET http://a.example/x\",\nThe ceilings allow that.\n"), "{said}");
    }
    node.run(&["explain", "000000000000"]).exits(125).says("no event \"000000000000\"");
}

#[test]
fn a_ceiling_that_stands_in_the_way_is_named() {
    let node = Node::start_under("mode = \"narrow\"\ngrants = [\"http GET https://*/*\", \"env A\"]\n");
    asking(&node, "default", "http * /*", "\"http * http://a.example/*\"");
    node.get("/fan-out?a.example/x");
    node.get("/fan-out?c.example/x");
    node.until("both are known", || node.run(&["events"]).stdout.matches("refused").count() >= 2);
    let events = json(node.run(&["events", "--json"]));
    let id = |host: &str| {
        let of = |event: &&Value| event["request"].as_str().is_some_and(|request| request.contains(host));
        text(events.as_array().expect("a list").iter().find(of).expect("an event"), "id").to_owned()
    };
    let taken = node.run(&["explain", &id("a.example")]).exits(0).stdout;
    assert!(taken.contains("a ceiling took it away: http * http://a.example/*"), "{taken}");
    assert!(taken.contains("The ceiling of this machine allows only http GET https://*/*"), "{taken}");
    let asked = node.run(&["explain", &id("c.example")]).exits(0).stdout;
    assert!(asked.contains("The ceiling of this machine") && asked.contains("[functions.web]"), "{asked}");
    let json = json(node.run(&["explain", &id("c.example"), "--json"]));
    assert_eq!(
        (&json["ceilings"][0]["whose"], &json["ceilings"][0]["allows"]),
        (&"machine".into(), &false.into())
    );
}

#[test]
fn the_smallest_grants_are_those_of_what_was_used_and_refused() {
    let node = Node::start();
    let grants = "\"kv bench read-write\", \"kv other read\", \"http * https://*/*\", \"env A=1\"";
    guest_app(&node, "default", "store", &guest("rust-http-kv"), "http * /*", grants).exits(0);
    let none = node.run(&["suggest", "store"]).exits(0).stdout;
    assert!(
        none.contains("0 requests seen") && none.contains("# not used, left out: \"kv bench read-write\""),
        "{none}"
    );
    assert_eq!(node.get("/bench/key").0, 404, "the store is read, and has no such key");
    let read = node.run(&["suggest", "store"]).exits(0).stdout;
    assert!(read.contains("\"kv bench read\","), "{read}");
    assert!(read.contains("used 1 times, of kv bench read-write"), "{read}");
    assert!(read.contains("\"env A=1\","), "{read}");
    assert!(read.contains("# not used, left out: \"http * https://*/*\""), "{read}");
    // Another app's deploy replaces the cell, and what was seen stays.
    node.apply(&App::saying("other", "http * /other/*", "x")).exits(0);
    node.until("the new cell knows what the old one saw", || {
        node.run(&["suggest", "store"]).exits(0).stdout.contains("1 requests seen")
    });
    assert!(node.run(&["suggest", "store"]).exits(0).stdout.contains("\"kv bench read\","));
    node.run(&["suggest", "nobody"]).exits(125).says("no app nobody");
}

#[test]
fn whatever_changes_something_is_written_down_with_who_did_it() {
    let node = Node::start();
    node.run(&["tenant", "add", "acme"]).exits(0);
    let token = node.run(&["token", "create", "acme", "--role", "deploy"]).exits(0).stdout;
    let app = App { tenant: "acme", ..App::saying("web", "http * /web/*", "one") };
    node.apply(&app).exits(0);
    node.apply(&App { grants: "\"dir /etc as /etc read\"", version: "2", ..app.clone() }).exits(125);
    node.apply(&App { version: "3", ..app }).exits(0);
    node.run(&["rollback", "web", "--tenant", "acme"]).exits(0);
    node.run(&["remove", "web", "--tenant", "acme"]).exits(0);
    let events = json(node.run(&["events", "--tenant", "acme", "--json"]));
    let events = events.as_array().expect("a list");
    let words: Vec<&str> = events.iter().map(|event| text(event, "event")).collect();
    let expected = [
        "tenant", "token", "serving", "deploy", "deploy", "serving", "deploy", "serving", "rollback",
        "remove",
    ];
    assert_eq!(words, expected);
    let user = format!("user {}", rustix::process::geteuid().as_raw());
    let by_somebody = events.iter().filter(|event| event["event"] != "serving");
    by_somebody.for_each(|event| assert_eq!(text(event, "by"), user));
    assert_eq!(text(&events[3], "reason"), "revision 1, version 1");
    assert_eq!(events[4]["status"], 400);
    assert!(text(&events[4], "reason").contains("dir /etc as /etc read"), "{}", events[4]);
    assert!(text(&events[1], "reason").starts_with("token "), "{}", events[1]);
    let file = std::fs::read_to_string(node.state().join("audit/acme/0.jsonl")).expect("a file");
    assert_eq!(file.lines().count(), events.len());
    assert!(!file.contains(token.trim()), "no token is in it");
    assert!(
        node.run(&["events", "--tenant", "default"]).exits(0).stdout.is_empty(),
        "another tenant's are its own"
    );
}

#[test]
fn the_audit_log_survives_the_node_and_its_files_are_the_operators_alone() {
    use std::os::unix::fs::PermissionsExt;
    let node = Node::start();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    let before = node.run(&["events"]).exits(0).stdout;
    let node = node.again();
    assert_eq!(node.run(&["events"]).exits(0).stdout, before);
    let file = node.state().join("audit/default/0.jsonl");
    assert_eq!(
        std::fs::metadata(&file).expect("there").permissions().mode() & 0o777,
        0o600,
        "{}",
        path(&file)
    );
}

#[test]
fn an_audit_log_that_cannot_be_written_is_said_once_and_keeps_nobody_from_anything() {
    let node = Node::start();
    std::fs::create_dir(node.state().join("audit")).expect("a folder");
    let in_the_way = node.state().join("audit/default");
    std::fs::write(&in_the_way, "no folder").expect("written");
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    node.apply(&App::saying("web", "http * /web/*", "two")).exits(0);
    assert_eq!(node.log().matches("cannot be written").count(), 1, "{}", node.log());
    std::fs::remove_file(in_the_way).expect("removed");
    node.run(&["rollback", "web"]).exits(0);
    assert_eq!(text(&event(&node, "rollback"), "reason"), "to revision 1");
}
