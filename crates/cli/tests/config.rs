//! Configuration and logging of functions, on the built binary with a built guest.

mod common;
#[path = "common/server.rs"]
mod server;

use serde_json::Value;
use server::Server;

fn serve(flags: &[&str]) -> Server {
    let guest = common::guest("rust-http-config");
    let guest = guest.to_str().expect("paths are text");
    Server::try_start(&[&[guest], flags].concat()).unwrap_or_else(|said| panic!("it does not serve: {said}"))
}

#[test]
fn configuration_is_what_env_grants_and_revealed_secrets_say() {
    let secrets = common::folder(&[("key", "hunter2\n")]);
    let secret = format!("api-key={}/key", secrets.path().display());
    let hidden = ["--grant", "secret hidden"];
    let flags = ["--grant", "env UNITS=celsius", "--env", "NOT_SET_HERE", "--secret", &secret];
    let server = serve(&[&flags[..], &hidden].concat());
    assert_eq!(server.ask("GET", "/UNITS", b"").body, "celsius");
    assert_eq!(server.ask("GET", "/", b"").body, "UNITS=celsius\napi-key=hunter2\n");
    for missing in ["/units", "/PATH", "/NOT_SET_HERE", "/hidden", "/REQUEST_METHOD"] {
        assert_eq!(server.ask("GET", missing, b"").status, 404, "{missing}");
    }
}

#[test]
fn without_grants_there_is_no_configuration() {
    assert_eq!(serve(&[]).ask("GET", "/", b"").body, "");
}

#[test]
fn a_logged_message_is_a_line_with_function_revision_request_level_and_context() {
    let server = serve(&[]);
    server.ask("GET", "/UNITS", b"");
    let line: Value = serde_json::from_str(&server.logged("\"stream\":\"log\"")).expect("JSON");
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (text("event"), text("level"), text("context")),
        ("guest".into(), "info".into(), "config".into())
    );
    assert_eq!(text("text"), "asked for \"UNITS\"");
    assert_eq!(text("function"), "rust-http-config.wasm");
    assert!(text("revision").starts_with("sha256:"));
    let request: Value = serde_json::from_str(&server.logged("\"event\":\"request\"")).expect("JSON");
    assert_eq!(request["request"], line["request"]);
}

#[test]
fn messages_stay_within_the_budget_of_the_log() {
    let server = serve(&["--limit", "logs=300B/s"]);
    (0..20).for_each(|_| drop(server.ask("GET", "/UNITS", b"")));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    server.ask("GET", "/LAST", b"");
    let line: Value = serde_json::from_str(&server.logged("LAST")).expect("JSON");
    assert!(line["dropped"].as_u64().is_some_and(|dropped| dropped > 10), "{line}");
}

#[test]
fn inspect_names_the_grants_that_stores_and_configuration_need() {
    let guest = common::guest("rust-http-kv");
    let kv = common::run(["inspect", guest.to_str().expect("text")]).exits(0);
    assert!(
        kv.stdout.contains("wasi:keyvalue/store@0.2.0-draft              needs a grant: kv"),
        "{}",
        kv.stdout
    );
    let guest = common::guest("rust-http-config");
    let config = common::run(["inspect", guest.to_str().expect("text")]).exits(0);
    assert!(
        config.stdout.contains("wasi:config/store@0.2.0-rc.1                 limited without a grant: env"),
        "{}",
        config.stdout
    );
    assert!(
        config.stdout.contains("wasi:logging/logging@0.1.0-draft             no grant needed"),
        "{}",
        config.stdout
    );
}
