//! Reloading on SIGHUP and on changed files: the new version takes over at once, or the old one goes on.

use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::process::Signal;

use crate::certificates::Certificate;
use crate::common::{TempDir, folder};
use crate::world::{Server, answering, curl, replace};

const MANIFEST: &str = "name = \"app\"\nversion = \"1\"\n\
    [functions.f]\ncomponent = \"f.wat\"\non = [\"http GET /*\"]\n";

fn app() -> TempDir {
    folder(&[("tombolo.toml", MANIFEST), ("f.wat", &answering("one"))])
}

fn serve(app: &TempDir, more: &[&str]) -> Server {
    let manifest = app.path().join("tombolo.toml");
    let manifest = manifest.to_str().expect("a path in UTF-8");
    Server::start(&[&["-f", manifest], more].concat())
}

#[test]
fn a_hang_up_swaps_to_the_component_that_is_there_now() {
    let app = app();
    let server = serve(&app, &[]);
    assert_eq!(server.body("/"), "one");
    replace(&app.path().join("f.wat"), &answering("two"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\"", "\"functions\":1"]);
    assert_eq!(server.body("/"), "two");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_program_named_by_its_file_is_swapped_too() {
    let app = app();
    let file = app.path().join("f.wat");
    let server = Server::start(&[file.to_str().expect("a path in UTF-8")]);
    assert_eq!(server.body("/"), "one");
    replace(&file, &answering("two"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\""]);
    assert_eq!(server.body("/"), "two");
}

#[test]
fn new_functions_new_routes_and_new_limits_come_with_the_manifest() {
    let app = app();
    let server = serve(&app, &[]);
    std::fs::write(app.path().join("g.wat"), answering("gee")).expect("a file can be written");
    let more = "[functions.g]\ncomponent = \"g.wat\"\non = [\"http GET /g\"]\nlimits = { time = \"1s\" }\n";
    replace(&app.path().join("tombolo.toml"), &format!("{MANIFEST}{more}"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\"", "\"functions\":2"]);
    assert_eq!((server.body("/").as_str(), server.body("/g").as_str()), ("one", "gee"));
}

#[test]
fn with_watch_a_changed_file_is_enough() {
    let app = app();
    let server = serve(&app, &["--watch"]);
    replace(&app.path().join("f.wat"), &answering("two"));
    server.wait_for_count(&["\"event\":\"swapped\""], 1);
    assert_eq!(server.body("/"), "two");
    std::fs::write(app.path().join("f.wat"), answering("three")).expect("a file can be written in place");
    server.wait_for_count(&["\"event\":\"swapped\""], 2);
    assert_eq!(server.body("/"), "three");
    let other = MANIFEST.replace("GET /*", "GET /only");
    replace(&app.path().join("tombolo.toml"), &other);
    server.wait_for_count(&["\"event\":\"swapped\""], 3);
    assert!(server.get("/").starts_with("HTTP/1.1 404"));
    assert_eq!(server.body("/only"), "three");
}

#[test]
fn what_cannot_be_loaded_is_told_and_the_old_goes_on() {
    let app = app();
    let server = serve(&app, &[]);
    let failures = [
        ("tombolo.toml", "name = ", "tombolo.toml:1:"),
        ("tombolo.toml", &MANIFEST.replace("GET", "G E T"), "tombolo.toml:5:"),
        ("tombolo.toml", &MANIFEST.replace("f.wat", "missing.wasm"), "missing.wasm"),
        ("f.wat", "(module (func", "f.wat"),
    ];
    for (count, (file, text, expected)) in failures.into_iter().enumerate() {
        let path = app.path().join(file);
        let before = std::fs::read_to_string(&path).expect("a file can be read");
        replace(&path, text);
        server.signal(Signal::HUP);
        let line = server.wait_for_count(&["\"event\":\"reload-failed\""], count + 1);
        assert!(line.contains(expected), "{line}");
        assert_eq!(server.body("/"), "one");
        replace(&path, &before);
    }
    replace(&app.path().join("f.wat"), &answering("two"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\""]);
    assert_eq!(server.body("/"), "two");
}

#[test]
fn a_locked_down_server_gets_no_more_rights_by_a_reload() {
    let app = app();
    let server = serve(&app, &[]);
    let grant = "grants = [\"dir . as /app read\", \"env COLOUR=red\"]\n";
    replace(&app.path().join("tombolo.toml"), &format!("{MANIFEST}{grant}"));
    server.signal(Signal::HUP);
    let line = server.wait_for(&["\"event\":\"reload-failed\"", "start"]);
    assert!(line.contains("as /app read") && !line.contains("COLOUR"), "{line}");
    assert_eq!(server.body("/"), "one");
    let grant = "grants = [\"env COLOUR=red\", \"random\"]\n";
    replace(&app.path().join("tombolo.toml"), &format!("{MANIFEST}{grant}"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\""]);
}

#[test]
fn a_reload_with_the_same_folders_opens_them_again() {
    let manifest = format!("{MANIFEST}grants = [\"dir data as /data read-write\"]\n");
    let app = folder(&[("tombolo.toml", &manifest), ("f.wat", &answering("one")), ("data/x", "")]);
    let server = serve(&app, &[]);
    replace(&app.path().join("f.wat"), &answering("two"));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"swapped\""]);
    assert_eq!(server.body("/"), "two");
}

/// Every request of a connection that stays open gets an answer, of the old version until the swap and of the new one
/// from then on.
#[test]
fn no_request_is_dropped_by_a_swap() {
    const SWAPS: usize = 5;
    let app = app();
    let server = serve(&app, &[]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| ask_until(&server, &over))).collect();
        for count in 1..=SWAPS {
            replace(&app.path().join("f.wat"), &answering(&format!("v{count}")));
            server.signal(Signal::HUP);
            server.wait_for_count(&["\"event\":\"swapped\""], count);
            assert_eq!(server.body("/"), format!("v{count}"));
        }
        over.store(true, Relaxed);
        for client in clients {
            let versions = client.join().expect("every request was answered");
            assert!(versions.is_sorted(), "never back to an older one: {versions:?}");
            assert_eq!(versions.last().map(String::as_str), Some(format!("v{SWAPS}").as_str()));
        }
    });
}

/// Asks on one connection until `over`, and gives the answers, each once.
fn ask_until(server: &Server, over: &AtomicBool) -> Vec<String> {
    let mut stream = server.connect();
    let mut versions = Vec::new();
    loop {
        let last = over.load(Relaxed);
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("the connection stays open");
        versions.push(answer(&mut stream));
        versions.dedup();
        if last {
            return versions;
        }
    }
}

/// One answer's body, by its length.
fn answer(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head in ASCII").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.and_then(|text| text.parse().ok()).expect("a length")];
    stream.read_exact(&mut body).expect("a whole body");
    String::from_utf8(body).expect("a body in UTF-8")
}

#[test]
fn certificates_are_reloaded_on_a_hang_up_and_when_they_change() {
    let app = app();
    let path = |name: &str| app.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    for name in ["one", "two", "three"] {
        Certificate::make(app.path(), name, &["localhost"]);
    }
    let take = |name: &str| {
        replace(&app.path().join("cert.pem"), &read(&path(&format!("{name}.crt"))));
        replace(&app.path().join("key.pem"), &read(&path(&format!("{name}.key"))));
    };
    take("one");
    let server = serve(&app, &["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
    let trusts = |name: &str| {
        let (_, port) = server.address.rsplit_once(':').expect("a port");
        let url = format!("https://localhost:{port}/");
        let to = format!("localhost:{port}:127.0.0.1");
        let args = ["-sS", "--resolve", &to, "--cacert", &path(&format!("{name}.crt")), &url];
        let output = Command::new("curl").args(args).output().expect("curl runs");
        output.status.success() && output.stdout == b"one"
    };
    assert!(trusts("one") && !trusts("two"));
    take("two");
    server.wait_for(&["certificates-swapped"]);
    assert!(trusts("two") && !trusts("one"));
    server.signal(Signal::HUP);
    server.wait_for_count(&["certificates-swapped"], 2);
    assert!(trusts("two"));
    replace(&app.path().join("key.pem"), &read(&path("three.key")));
    server.wait_for(&["reload-failed", "key.pem", "does not fit the certificate"]);
    assert!(trusts("two"), "the old certificate stays in use");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).expect("a file can be read")
}

#[test]
fn stores_and_volumes_stay_what_they_were() {
    let manifest = |more: &str| {
        let guest = crate::common::guest("rust-http-kv");
        format!(
            "name = \"app\"\nversion = \"1\"\n[functions.f]\ncomponent = {:?}\non = [\"http * /*\"]\n\
             grants = [\"kv readings read-write\", \"volume cache as /cache 1MiB\"{more}]\n",
            guest.to_str().expect("a path in UTF-8")
        )
    };
    let app = folder(&[("tombolo.toml", &manifest(""))]);
    let data = app.path().join("data").to_str().expect("a path in UTF-8").to_owned();
    let server = serve(&app, &["--data", &data]);
    let url = format!("http://{}/readings/a", server.address);
    curl(&["-f", "-X", "PUT", "-d", "one", &url]);
    for count in 1..=3 {
        replace(&app.path().join("tombolo.toml"), &manifest(&format!(", \"env COUNT={count}\"")));
        server.signal(Signal::HUP);
        server.wait_for_count(&["\"event\":\"swapped\""], count);
        assert_eq!(curl(&["-f", &url]), if count == 1 { "one".to_owned() } else { (count - 1).to_string() });
        curl(&["-f", "-X", "PUT", "-d", &count.to_string(), &url]);
    }
    replace(&app.path().join("tombolo.toml"), &manifest(", \"kv other read\""));
    server.signal(Signal::HUP);
    server.wait_for(&["\"event\":\"reload-failed\"", "kv other read"]);
    assert_eq!(curl(&["-f", &url]), "3");
}
