//! `tombolo top`: on a terminal, and where there is none.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::guest;
use crate::world::{App, Node, guest_app, json, path};

/// Sends requests while `work` goes on.
fn under_load<T>(node: &Node, request: &str, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = node.try_get(request);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

#[test]
fn without_a_terminal_it_prints_one_table() {
    let node = Node::start();
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "two") }).exits(0);
    let said = under_load(&node, "/web/", || node.run(&["top", "--every", "500ms"]).exits(0).stdout);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("node ") && lines[0].contains("gateway ") && lines[0].contains("2 cells"),
        "{said}"
    );
    assert!(lines[1].starts_with("TENANT/APP/FUNCTION"), "{said}");
    assert!(lines[2].starts_with("default/web/web"), "the busiest first: {said}");
    assert!(lines[3].starts_with("acme/web/web"), "{said}");
    let own = node.run(&["top", "--tenant", "acme", "--every", "10ms"]).exits(0).stdout;
    assert!(own.contains("acme/web/web") && !own.contains("default"), "{own}");
    node.run(&["top", "--every", "1h"]).exits(125).says("write milliseconds");
}

#[test]
fn numbers_are_those_of_what_was_done() {
    let node = Node::start();
    guest_app(&node, "default", "faults", &guest("rust-http-faults"), "http * /*", "").exits(0);
    let statuses: Vec<u16> = ["/", "/", "/trap", "/nothing"].iter().map(|path| node.get(path).0).collect();
    assert_eq!(statuses, [200, 200, 500, 404]);
    let counts = || {
        let stats = json(node.run(&["top", "--json", "--every", "1ms"]));
        let of = &stats["functions"][0];
        (of["requests"].as_u64(), of["errors"].as_u64())
    };
    node.until("all are counted", || counts() == (Some(4), Some(1)));
    let busy = under_load(&node, "/spin", || json(node.run(&["top", "--json", "--every", "1s"])));
    let cell = busy["processes"]
        .as_array()
        .and_then(|all| all.iter().find(|one| one["process"] == "cell"))
        .expect("a cell");
    assert!(cell["cpu"].as_f64().is_some_and(|cpu| cpu > 0.2), "{busy}");
    assert!(cell["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20), "{busy}");
    assert_eq!(busy["functions"][0]["running"], 1, "{busy}");
    assert!(busy["functions"][0]["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 16), "{busy}");
}

#[test]
fn on_a_terminal_it_shows_until_q_and_leaves_the_terminal_as_it_was() {
    let node = Node::start();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    let socket = node.folder.path().join("run/api.sock");
    let line = format!(
        "stty rows 30 cols 140; {} top --node {} --every 50ms; echo code $?; stty -a",
        env!("CARGO_BIN_EXE_tombolo"),
        path(&socket)
    );
    let mut command = Command::new("script");
    command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm");
    let mut terminal =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) is there");
    let (mut keys, mut screen) =
        (terminal.stdin.take().expect("piped"), terminal.stdout.take().expect("piped"));
    let mut seen = String::new();
    let mut press = Some(b"q");
    let mut buffer = [0; 4096];
    loop {
        let bytes = screen.read(&mut buffer).expect("readable");
        seen += &String::from_utf8_lossy(&buffer[..bytes]);
        if bytes == 0 {
            break;
        }
        if seen.contains("default/web/web")
            && let Some(key) = press.take()
        {
            keys.write_all(key).expect("pressed");
        }
    }
    terminal.wait().expect("it ends");
    assert!(
        seen.contains("\u{1b}[?1049h") && seen.contains("\u{1b}[?1049l"),
        "a screen of its own: {seen:?}"
    );
    assert!(seen.contains("code 0") && seen.contains(" icanon ") && seen.contains(" echo "), "{seen:?}");
    assert!(!seen.contains("-icanon"), "{seen:?}");
}
