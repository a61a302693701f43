//! Calls from app to app: `http://APP.internal/…`.

mod broken;
mod taken_over;

use serde_json::{Value, json};

use crate::common::{Done, folder, guest};
use crate::world::{App, ENVIRONMENT, Node, guest_app, path, try_get};

/// Deploys an app that answers `GET /NAME/?URL` with what is at the URL.
fn caller(node: &Node, tenant: &str, name: &str, grants: &[&str]) -> Done {
    let grants: Vec<String> = grants.iter().map(|grant| format!("{grant:?}")).collect();
    let on = format!("http * /{name}/*");
    guest_app(node, tenant, name, &guest("rust-http-fetch"), &on, &grants.join(", "))
}

/// What the app `out` gets from a URL.
fn call(node: &Node, url: &str) -> (u16, String) {
    node.get(&format!("/out/?{url}"))
}

/// The lines of an app's log of one kind.
fn logged(node: &Node, tenant: &str, app: &str, event: &str) -> Vec<Value> {
    let logs = node.run(&["logs", app, "--tenant", tenant, "--lines", "1000"]).exits(0).stdout;
    let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == event).collect()
}

const GRANT: &str = "http GET http://billing.internal/*";

#[test]
fn an_app_calls_another_of_its_tenant_and_is_known_to_it() {
    let node = Node::start();
    let billing = App { wat: ENVIRONMENT.into(), ..App::saying("billing", "http GET /v1/*", "") };
    node.apply(&billing).exits(0);
    caller(&node, "default", "out", &[GRANT]).exits(0);
    let (status, environment) = call(&node, "http://billing.internal/v1/invoice?number=7");
    let variables: Vec<&str> = environment.split('\0').collect();
    assert_eq!(status, 200, "{environment}; the node said: {}", node.log());
    for variable in [
        "HTTP_X_TOMBOLO_CALLER=default/out",
        "HTTP_HOST=billing.internal",
        "PATH_INFO=/invoice",
        "QUERY_STRING=number=7",
    ] {
        assert!(variables.contains(&variable), "{variable}: {variables:?}");
    }
    for field in ["HTTP_X_TOMBOLO_HOPS", "HTTP_X_TOMBOLO_APP", "HTTP_X_FORWARDED_FOR"] {
        assert!(!environment.contains(field), "{field}: {variables:?}");
    }
    let (status, body) = call(&node, "http://billing.internal/v2");
    assert_eq!((status, body.contains("no app answers")), (404, false), "the app's own answer: {body}");
    let suggested = node.run(&["suggest", "out"]).exits(0).stdout;
    assert!(suggested.contains("http GET http://billing.internal/"), "{suggested}");
}

#[test]
fn nobody_outside_can_say_that_an_app_calls() {
    let own = ["--trial", "50ms", "--listen", "127.0.0.1:0=default"];
    let node = Node::start_with(&own);
    let billing = App { wat: ENVIRONMENT.into(), ..App::saying("billing", "http * /v1/*", "") };
    node.apply(&billing).exits(0);
    node.apply(&App::saying("other", "http * /other/*", "other")).exits(0);
    for address in [&node.address, node.own_address("default")] {
        let fields = "x-tombolo-caller: default/out\r\nx-tombolo-app: other\r\nx-tombolo-hops: 16";
        let request =
            format!("GET /v1/ HTTP/1.1\r\nhost: other.internal\r\n{fields}\r\nconnection: close\r\n\r\n");
        let answer = raw(address, &request);
        assert!(answer.starts_with("HTTP/1.1 200"), "{address}: {answer}");
        assert!(answer.contains("HTTP_HOST=other.internal"), "{address}: {answer}");
        assert!(!answer.contains("TOMBOLO"), "{address}: {answer}");
    }
}

fn raw(address: &str, request: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).expect("connected");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn wasi_0_3_calls_as_0_2_does() {
    let node = Node::start();
    // A line of its own: part of one is not logged by every guest.
    node.apply(&App::saying("billing", "http GET /v1/*", "paid\n")).exits(0);
    for (name, program) in [("two", "rust-net"), ("three", "rust-net-p3")] {
        let manifest = format!(
            "name = \"{name}\"\nversion = \"1\"\n[functions.net]\ncomponent = {:?}\nargs = {}\ngrants = [{GRANT:?}]\n",
            guest(program),
            json!(["fetch", "http://billing.internal/v1/"]),
        );
        let app = folder(&[("tombolo.toml", &manifest)]);
        node.run(&["apply", "-f", path(&app.path().join("tombolo.toml"))]).exits(0);
        node.run(&["invoke", &format!("{name}/net")]).exits(0);
        node.until("its answer is logged", || node.run(&["logs", name]).stdout.contains("\"text\":\"paid\""));
    }
}

#[test]
fn without_a_grant_nothing_is_called_and_the_refusal_says_what_would_be_enough() {
    let node = Node::start();
    node.apply(&App::saying("billing", "http * /*", "paid")).exits(0);
    caller(&node, "default", "out", &["http GET http://billing.internal/v1/*"]).exits(0);
    let refused = [
        "http://billing.internal/v2",
        "http://out.internal/",
        "http://billing.default.internal/v1/x",
        "https://billing.internal/v1/x",
        "http://billing.internal:8080/v1/x",
        "http://a.b.c.internal/",
    ];
    for url in refused {
        let (status, body) = call(&node, url);
        assert_eq!((status, body.contains("HttpRequestDenied")), (502, true), "{url}: {body}");
    }
    node.until("all are logged", || logged(&node, "default", "out", "refused").len() == refused.len());
    let lines = logged(&node, "default", "out", "refused");
    let adds = |line: &str| lines.iter().any(|refused| refused["add"] == line);
    assert!(adds("http GET http://billing.internal/v2"), "{lines:?}");
    assert!(adds("http GET http://out.internal/"), "{lines:?}");
    let says =
        |words: &str| lines.iter().filter(|refused| refused["reason"].to_string().contains(words)).count();
    assert_eq!(says("by http on port 80 alone: it never leaves the machine"), 2, "{lines:?}");
    assert_eq!(says("names no app of a node"), 1, "{lines:?}");
    assert_eq!(call(&node, "http://billing.internal/v1/x"), (200, "paid".into()));
    let used = node.run(&["suggest", "out"]).exits(0).stdout;
    assert!(used.contains("http GET http://billing.internal/v1/x"), "{used}");
    node.until("one call came", || logged(&node, "default", "billing", "request").len() == 1);
}

#[test]
fn what_is_not_there_is_answered_as_from_outside() {
    let node = Node::start();
    caller(&node, "default", "out", &["http * http://gone.internal/*", "http * http://silent.internal/*"])
        .exits(0);
    node.apply(&App::saying("silent", "http GET /silent/*", "")).exits(0);
    assert_eq!(call(&node, "http://gone.internal/").0, 404);
    assert_eq!(call(&node, "http://silent.internal/").0, 404);
    node.run(&["remove", "silent"]).exits(0);
    node.until("it is gone", || call(&node, "http://silent.internal/silent/").0 == 404);
}

#[test]
fn an_app_of_another_tenant_is_called_only_if_the_ceiling_names_it() {
    let grant = "http GET http://billing.acme.internal/*";
    let refusing = Node::start();
    caller(&refusing, "default", "out", &[grant]).exits(125).says(grant);
    let node = Node::start_under(&format!("grants = [{grant:?}]\n"));
    node.run(&["tenant", "add", "acme"]).exits(0);
    let own = App { tenant: "default", ..App::saying("billing", "http * /v1/*", "not this one") };
    node.apply(&own).exits(0);
    let billing =
        App { tenant: "acme", wat: ENVIRONMENT.into(), ..App::saying("billing", "http * /v2/*", "") };
    node.apply(&billing).exits(0);
    caller(&node, "default", "out", &[grant]).exits(0);
    let (status, environment) = call(&node, "http://billing.acme.internal/v2/");
    assert_eq!(status, 200, "{environment}");
    assert!(environment.contains("HTTP_X_TOMBOLO_CALLER=default/out"), "{environment}");
    assert!(environment.contains("HTTP_HOST=billing.acme.internal"), "{environment}");
    assert_eq!(call(&node, "http://billing.acme.internal/v1/").0, 404, "not the other tenant's routes");
    node.run(&["tenant", "add", "third", "--ceiling", &ceiling(&node, "http * http://*/*")]).exits(0);
    caller(&node, "third", "more", &[grant]).exits(125).says("the ceiling of this tenant");
}

/// A ceiling of one grant as a file.
fn ceiling(node: &Node, grant: &str) -> String {
    let file = node.folder.path().join("tenant.toml");
    std::fs::write(&file, format!("grants = [{grant:?}]\n")).expect("a file");
    path(&file).to_owned()
}

#[test]
fn a_call_finds_the_routes_of_its_app_alone() {
    let node = Node::start();
    node.apply(&App::saying("all", "http * /*", "all")).exits(0);
    node.apply(&App::saying("narrow", "http * /narrow/*", "narrow")).exits(0);
    node.apply(&App::saying("hosted", "http * shop.example/hosted/*", "hosted")).exits(0);
    let apart = App { isolation: "app", ..App::saying("apart", "http * /apart/*", "apart") };
    node.apply(&apart).exits(0);
    caller(&node, "default", "out", &["http GET http://all.internal/*", "http GET http://narrow.internal/*"])
        .exits(0);
    assert_eq!(node.get("/narrow/x").1, "narrow", "from outside");
    assert_eq!(call(&node, "http://all.internal/narrow/x"), (200, "all".into()));
    assert_eq!(call(&node, "http://narrow.internal/narrow/x"), (200, "narrow".into()));
    assert_eq!(call(&node, "http://narrow.internal/x").0, 404);
    let more = ["http GET http://hosted.internal/*", "http GET http://apart.internal/*"];
    caller(&node, "default", "more", &more).exits(0);
    assert_eq!(node.get("/more/?http://hosted.internal/hosted/x"), (200, "hosted".into()));
    assert_eq!(node.get("/more/?http://apart.internal/apart/x"), (200, "apart".into()));
}

#[test]
fn apps_that_call_each_other_in_a_circle_come_to_an_end() {
    let node = Node::start();
    for (name, next) in [("a", "http://b.internal/b/"), ("b", "http://a.internal/a/")] {
        let grants = [format!("http GET {next}"), format!("env UPSTREAM={next}")];
        caller(&node, "default", name, &grants.each_ref().map(String::as_str)).exits(0);
    }
    let (status, body) = node.get("/a/");
    assert_eq!((status, body.contains("apps call each other in a circle")), (508, true), "{body}");
    node.until("all are logged", || {
        ["a", "b"].map(|app| logged(&node, "default", app, "request").len()) == [9, 8]
    });
}

#[test]
fn an_app_that_has_its_tenants_own_listener_calls_and_is_called() {
    let node = Node::start_with(&["--trial", "50ms", "--listen", "127.0.0.1:0=acme"]);
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App { tenant: "acme", ..App::saying("billing", "http * /v1/*", "paid") }).exits(0);
    caller(&node, "acme", "out", &[GRANT]).exits(0);
    let own = || try_get(node.own_address("acme"), "/out/?http://billing.internal/v1/x");
    node.until("the cell has the listener, and is called by itself", || own() == Some((200, "paid".into())));
}
