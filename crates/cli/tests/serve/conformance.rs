//! HTTP/1.1 as curl and a WebSocket client see it, and what only a raw socket can ask.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::folder;
use crate::world::{Server, curl, run};

fn faults(more: &[&str]) -> Server {
    Server::of_guest("rust-http-faults", more)
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

/// What curl shows of the talk (`-v`), which goes to standard error.
fn talk(args: &[&str]) -> String {
    let output = Command::new("curl").args(["-sv"]).args(args).output().expect("curl runs");
    String::from_utf8_lossy(&output.stderr).replace('\r', "")
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    let server = faults(&[]);
    let get = curl(&["-i", &url(&server, "/")]);
    let head = curl(&["-I", &url(&server, "/")]);
    let names = |text: &str| {
        let head = text.split("\r\n\r\n").next().unwrap_or("").to_lowercase();
        head.lines()
            .filter_map(|line| line.split_once(": ").map(|field| field.0.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&get), names(&head), "{get}\n{head}");
    assert!(head.to_lowercase().contains("content-length: 6") && !head.contains("hello"), "{head}");
}

#[test]
fn uploads_go_in_and_out_whole_in_every_framing() {
    let folder = folder(&[]);
    let file = folder.path().join("upload");
    let bytes: Vec<u8> = (0..40_000_000_u32).map(|at| (at % 251) as u8).collect();
    std::fs::write(&file, &bytes).expect("a file can be written");
    let (file, back) = (file.to_str().expect("UTF-8"), folder.path().join("back"));
    let back = back.to_str().expect("UTF-8");
    let server = faults(&["-l", "body=64MiB", "-l", "response-body=64MiB", "-l", "time=60s"]);
    for framing in
        [&["-T", file][..], &["-T", file, "-H", "transfer-encoding: chunked"], &["-T", file, "-H", "expect:"]]
    {
        let status = curl(
            &[framing, &["-X", "POST", "-o", back, "-w", "%{http_code}", &url(&server, "/echo")]].concat(),
        );
        assert_eq!(status, "200", "{framing:?}");
        assert!(std::fs::read(back).expect("the answer") == bytes, "{framing:?}: the answer is another");
    }
}

#[test]
fn a_client_that_expects_to_be_asked_is_asked_or_refused_without_its_body() {
    let folder = folder(&[]);
    let file = folder.path().join("upload");
    std::fs::write(&file, vec![b'x'; 3_000_000]).expect("a file can be written");
    let file = file.to_str().expect("UTF-8");
    let server = faults(&["-l", "body=4MiB"]);
    let upload = ["-X", "POST", "-T", file, "-o", "/dev/null", "-H", "expect: 100-continue"];
    let asked = talk(&[&upload[..], &[&url(&server, "/echo")]].concat());
    assert!(asked.contains("< HTTP/1.1 100 Continue\n") && asked.contains("< HTTP/1.1 200 OK\n"), "{asked}");
    let small = faults(&["-l", "body=1KiB"]);
    let refused = talk(&[&upload[..], &[&url(&small, "/echo")]].concat());
    assert!(refused.contains("< HTTP/1.1 413 ") && !refused.contains("100 Continue"), "{refused}");
}

#[test]
fn trailers_and_chunks_are_understood() {
    let server = faults(&[]);
    let shown = talk(&["--raw", &url(&server, "/trailers")]);
    assert!(shown.to_lowercase().contains("< transfer-encoding: chunked\n"), "{shown}");
    let raw = curl(&["--raw", "-H", "te: trailers", &url(&server, "/trailers")]);
    assert_eq!(raw, "3\r\nabc\r\n0\r\nx-sum: 6\r\n\r\n");
    let cut = Command::new("curl").args(["-s", &url(&server, "/trap-late")]).output().expect("curl runs");
    assert!(
        !cut.status.success() || cut.stdout.starts_with(b"request "),
        "the cause is 18 or an error page: {cut:?}"
    );
}

#[test]
fn a_connection_is_used_again_and_pipelined_requests_are_answered_in_order() {
    let server = faults(&[]);
    let (one, two) = (url(&server, "/"), url(&server, "/status?204"));
    let shown = talk(&[&one, &two, &one]);
    assert_eq!(shown.matches("Re-using existing connection").count(), 2, "{shown}");
    let pipelined: String = (0..20)
        .map(|number| format!("GET /header?x-n={number} HTTP/1.1\r\nhost: x\r\n\r\n"))
        .chain(["GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned()])
        .collect();
    let answers = server.raw(&pipelined);
    let numbers: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix("x-n: ")).collect();
    assert_eq!(numbers, (0..20).map(|number| number.to_string()).collect::<Vec<_>>(), "{answers}");
    assert!(answers.ends_with("hello\n"));
}

#[test]
fn old_and_odd_clients_get_an_answer() {
    let server = faults(&[]);
    assert!(curl(&["-0", "-i", &url(&server, "/")]).contains("hello"), "HTTP/1.0");
    assert!(
        curl(&["--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", &url(&server, "/a/../b")]) == "400"
    );
    assert_eq!(curl(&["-X", "OPTIONS", "-o", "/dev/null", "-w", "%{http_code}", &url(&server, "/")]), "200");
    assert!(
        server
            .raw("GET http://other/ HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n")
            .contains(" 200 ")
    );
    assert!(server.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").matches("HTTP/").count() <= 1);
    assert!(
        server.raw("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03").len() < 500,
        "a TLS hello on a plain socket"
    );
    let mut half = server.connect();
    half.write_all(b"GET / HTTP/1.1\r\nho").expect("sent");
    drop(half);
    assert!(server.get("/").contains("hello"));
}

#[test]
fn a_websocket_client_is_refused_cleanly() {
    let server = faults(&[]);
    // Debian's Python, which is the one that has Debian's modules.
    let script = "import asyncio, sys, websockets\n\
        async def main():\n\
        \x20   try:\n\
        \x20       await websockets.connect(sys.argv[1], open_timeout=20)\n\
        \x20   except websockets.exceptions.InvalidStatusCode as refused:\n\
        \x20       print('refused', refused.status_code)\n\
        asyncio.run(main())\n";
    let shown =
        run(Command::new("/usr/bin/python3").args(["-c", script, &format!("ws://{}/", server.address)]));
    assert_eq!(shown, "refused 200\n");
    let upgrade = talk(&["-H", "connection: Upgrade", "-H", "upgrade: websocket", &url(&server, "/")]);
    assert!(
        upgrade.contains("< HTTP/1.1 200 OK\n") && !upgrade.to_lowercase().contains("< upgrade"),
        "{upgrade}"
    );
    assert!(server.get("/").contains("hello"));
}

#[test]
fn go_and_c_answer_as_cgi_programs() {
    for name in ["go-cgi", "c-cgi"] {
        let server = Server::of_guest(name, &[]);
        let answer = curl(&["-i", &url(&server, "/")]);
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{name}: {answer}");
    }
}

#[test]
fn ten_thousand_small_requests_leave_no_descriptor_behind() {
    let server = faults(&[]);
    let ask = |path: &str| {
        let mut client = Command::new("curl");
        client.args(["-s", "-Z", "--parallel-max", "32", "-o", "/dev/null", &url(&server, path)]);
        assert!(client.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("curl runs").success());
    };
    ask("/?[1-100]");
    server.settles(|server| server.connections() == 0, "connections");
    let before = server.descriptors();
    ask("/?[1-10000]");
    server.settles(|server| server.descriptors() <= before, "descriptors");
}
