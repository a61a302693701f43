//! Where a server listens: TCP, Unix sockets, sockets that systemd hands over; its control and admin sockets.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{cache, folder, guest};
use crate::world::{Server, curl};

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn a_unix_socket_is_for_its_owner_and_is_taken_over_from_a_killed_server() {
    let folder = folder(&[]);
    let socket = folder.path().join("app.sock");
    let guest = text(&guest("rust-http-hello"));
    let listen = format!("unix:{}", text(&socket));
    for _ in 0..2 {
        let server = Server::start(&["--listen", &listen, &guest]);
        server.wait_for(&["serving on unix:"]);
        assert!(curl(&["--unix-socket", &text(&socket), "http://x/"]).contains("ello"));
        let mode = std::fs::metadata(&socket).expect("the socket is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Dropping it is `kill -9`: the socket's file stays.
        drop(server);
    }
}

#[test]
fn a_socket_that_systemd_hands_over_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut command = Command::new("/bin/sh");
    let script = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; exec \"$0\" \"$@\"";
    let binary = env!("CARGO_BIN_EXE_tombolo");
    command.args(["-c", script, binary, "serve", "--listen", "systemd", &text(&guest("rust-http-hello"))]);
    command.env("XDG_CACHE_HOME", cache()).stdin(Stdio::from(OwnedFd::from(listener)));
    let server = Server::spawn_with_its_input(command);
    assert_eq!(server.address, address);
    assert!(server.body("/").contains("ello"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn without_a_socket_from_systemd_the_server_says_so() {
    let done = crate::common::run(["serve", "--listen", "systemd", &text(&guest("rust-http-hello"))]);
    done.exits(125).says("systemd");
}

#[test]
fn events_come_by_the_control_socket_and_by_no_other() {
    let folder = folder(&[]);
    let control = text(&folder.path().join("control.sock"));
    let manifest = folder.path().join("tombolo.toml");
    let functions = format!(
        "name = \"a\"\nversion = \"1\"\n[functions.cgi]\ncomponent = {:?}\non = [\"http * /cgi/*\"]\n\
         [functions.http]\ncomponent = {:?}\non = [\"http POST /never\"]\n",
        text(&guest("c-cgi")),
        text(&guest("rust-http-faults")),
    );
    std::fs::write(&manifest, functions).expect("a file can be written");
    let server = Server::start(&["-f", &text(&manifest), "--control", &format!("unix:{control}")]);
    let event = |function: &str, to: &[&str]| {
        let url = format!("http://x/events/{function}");
        let mut args = vec!["-o", "/dev/null", "-w", "%{http_code}", "-H", "ce-id: 1", "-H", "ce-type: t"];
        args.extend(["-H", "ce-source: /s", "-H", "ce-specversion: 1.0", "-d", "payload"]);
        args.extend(to);
        let url = if to.is_empty() { url.replace("//x", &format!("//{}", server.address)) } else { url };
        args.push(&url);
        curl(&args)
    };
    let by_control = ["--unix-socket", control.as_str()];
    assert_eq!(event("cgi", &by_control), "204");
    assert_eq!(event("http", &by_control), "200");
    assert_eq!(event("missing", &by_control), "404");
    assert_eq!(event("http", &[]), "404", "on the public socket it is a request like any other");
}

#[test]
fn a_component_of_wasi_0_3_answers_too() {
    let server = Server::start(&[&text(&guest("rust-http-hello-p3"))]);
    let answer = curl(&[&format!("http://{}/", server.address)]);
    assert!(answer.contains("ello"), "{answer}");
    for _ in 0..50 {
        assert!(server.get("/").starts_with("HTTP/1.1 200"));
    }
    assert_eq!(server.stop(), Some(0));
}
