//! `new` → `build` → nothing to do → `test` → `serve` → curl, in every language and kind.

use crate::project::{Project, filter, is_ready};
use crate::server::Server;

/// Tools that are quick enough for every run; all others are tried where all were asked for.
fn all_languages() -> bool {
    let all = std::env::var("TOMBOLO_TEST_LANGUAGES").is_ok_and(|languages| languages == "all");
    if !all {
        eprintln!("skipped: takes minutes; set TOMBOLO_TEST_LANGUAGES=all to try it");
    }
    all
}

#[track_caller]
fn check(language: &str, kind: &str) {
    if !is_ready(language) {
        return;
    }
    let project = Project::new(language, kind);
    let built = project.succeeds(&["build"]);
    assert!(built.contains("built greet in") && built.contains("sha256:"), "{built}");
    assert!(built.contains("WASI 0."), "{built}");
    let again = project.succeeds(&["build"]);
    assert!(again.contains("unchanged greet"), "{again}");
    let tested = project.succeeds(&["test"]);
    assert!(tested.contains(" passed, 0 failed"), "{tested}");
    try_by_hand(&project, kind);
}

/// What a developer would do next.
#[track_caller]
fn try_by_hand(project: &Project, kind: &str) {
    match kind {
        "http" => {
            let server = Server::start(project);
            assert_eq!(server.get("/"), "Hello, world!\n");
            assert_eq!(server.get("/Ada"), "Hello, Ada!\n");
        }
        "event" => {
            let server = Server::start(project);
            assert_eq!(server.event("kitchen", "21.50"), "204");
            server.wait_for("kitchen: 21.5 °C");
            assert!(server.event("kitchen", "warm").as_str() >= "400");
        }
        _ => {
            let mut run = project.tombolo(&["run", "-f", "tombolo.toml", "greet"]);
            assert_eq!(filter(&mut run, "one two\nthree\n"), "2 lines, 3 words\n");
        }
    }
}

/// The same sources in two folders give the same bytes.
#[track_caller]
fn check_reproducible(language: &str, kind: &str) {
    if !is_ready(language) {
        return;
    }
    let digest = || {
        let built = Project::new(language, kind).succeeds(&["build"]);
        let digest = built.split([' ', ',', '\n']).find(|word| word.starts_with("sha256:"));
        digest.unwrap_or_else(|| panic!("no digest: {built}")).to_owned()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn c_commands() {
    check("c", "command");
}

#[test]
fn c_events() {
    check("c", "event");
}

#[test]
fn c_http() {
    check("c", "http");
}

#[test]
fn c_is_reproducible() {
    check_reproducible("c", "http");
}

#[test]
fn rust_commands() {
    check("rust", "command");
}

#[test]
fn rust_events() {
    check("rust", "event");
}

#[test]
fn rust_http() {
    check("rust", "http");
}

#[test]
fn rust_is_reproducible() {
    check_reproducible("rust", "command");
}

#[test]
fn go_http() {
    check("go", "http");
}

#[test]
fn go_is_reproducible() {
    check_reproducible("go", "command");
}

#[test]
fn javascript_http() {
    check("js", "http");
}

#[test]
fn python_http() {
    check("python", "http");
}

#[test]
fn all_other_languages_and_kinds() {
    let others: [(&str, &[&str]); 6] = [
        ("go", &["event", "command"]),
        ("js", &["event", "command"]),
        ("python", &["event", "command"]),
        ("cpp", &["http", "event", "command"]),
        ("ts", &["http", "event", "command"]),
        ("zig", &["http", "event", "command"]),
    ];
    if all_languages() {
        others.iter().for_each(|(language, kinds)| kinds.iter().for_each(|kind| check(language, kind)));
    }
}
