//! A cell's life: programs, events, health, replacement and the end.

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{CGI, FAULTS, Function, body, cell, cell_with, connect, prepared, read_all, read_until, status};
use tombolo_cell::Drained;

#[test]
fn programs_answer_through_cgi() {
    let cell = cell(&[
        Function { on: &["http * /app/*"], ..CGI },
        Function { name: "root", on: &["http * /hello"], ..CGI },
    ]);
    assert_eq!(body(&cell.get("/app/hello")), "Hello, world!\n");
    assert_eq!(
        body(&cell.get("/app/local-location")),
        "Hello, world!\n",
        "a local redirect is followed here"
    );
    let teapot = cell.get("/app/status");
    assert_eq!(status(&teapot), "418");
    assert!(teapot.contains("x-one: 1\r\n") && teapot.contains("x-one: 2\r\n"), "{teapot}");
    let echo = cell.post("/app/echo", "some text");
    assert!(body(&echo).contains("some text"), "{echo} {}", cell.log.text());
    let redirect = cell.get("/app/location");
    assert_eq!(status(&redirect), "302");
    assert!(redirect.contains("location: https://example.com/elsewhere\r\n"));
    let env = cell.get("/app/env?a=b");
    for line in [
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_METHOD=GET",
        "SCRIPT_NAME=/app",
        "PATH_INFO=/env",
        "QUERY_STRING=a=b",
        "SERVER_PROTOCOL=HTTP/1.1",
        "REMOTE_ADDR=127.0.0.1",
        "HTTP_HOST=x",
    ] {
        assert!(body(&env).lines().any(|variable| variable.trim_end() == line), "{line} in {env}");
    }
}

#[test]
fn programs_that_break_cgi_are_bad_gateways() {
    let cell = cell(&[CGI]);
    for path in [
        "/silent",
        "/no-blank-line",
        "/no-colon",
        "/bad-name",
        "/bad-value",
        "/bad-status",
        "/endless-header",
        "/wrong-length",
    ] {
        let answer = cell.get(path);
        assert_eq!(status(&answer), "502", "{path}: {answer}");
    }
    let hops = cell.get("/hop-by-hop");
    assert_eq!((status(&hops), body(&hops)), ("200", "body\n"));
    let late = cell.get("/late-trap");
    assert!(status(&late) == "500" || !late.ends_with("0\r\n\r\n"), "{late}");
}

#[test]
fn events_come_in_by_the_control_socket_alone() {
    let cell = cell(&[Function { on: &[], ..FAULTS }]);
    let event = "POST /events/faults HTTP/1.1\r\nhost: x\r\nce-id: 1\r\nce-source: test\r\nce-specversion: 1.0\r\nce-type: t\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    assert_eq!(status(&cell.raw(event)), "404");
    let send = |event: &str| {
        let mut control = UnixStream::connect(&cell.control).expect("the control socket");
        control.write_all(event.as_bytes()).expect("sent");
        read_all(&mut control)
    };
    assert_eq!(body(&send(event)), "hello\n");
    assert_eq!(status(&send(&event.replace("ce-type: t\r\n", ""))), "400");
    assert_eq!(status(&send(&event.replace("/events/faults", "/events/nobody"))), "404");
}

#[test]
fn health_and_metrics_are_on_a_socket_of_their_own() {
    let cell = cell(&[FAULTS]);
    cell.get("/");
    cell.log.wait_for(&["\"event\":\"request\"", "\"status\":200"]);
    let ask = |path: &str| {
        let mut admin = connect(&cell.admin);
        write!(admin, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
        read_all(&mut admin)
    };
    assert_eq!(body(&ask("/healthz")), "ok\n");
    assert!(ask("/metrics").contains("tombolo_requests_total{function=\"faults\",class=\"2xx\"} 1\n"));
    assert_eq!(status(&ask("/")), "404");
}

#[test]
fn a_client_that_leaves_takes_its_guest_along() {
    let cell = cell(&[Function { limits: &["time=60s"], ..FAULTS }]);
    let mut stream = cell.connect();
    stream.write_all(b"GET /sleep?60000 HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    drop(stream);
    cell.log.wait_for(&["/sleep", "\"status\":499"]);
    assert!(cell.handle().metrics().contains("tombolo_instances 0\n"));
}

#[test]
fn functions_are_replaced_between_two_requests() {
    let cell = cell(&[FAULTS]);
    let mut stream = cell.connect();
    let request = b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).expect("sent");
    assert_eq!(status(&read_until(&mut stream, "\r\n\r\n")), "404", "the one guest does not know the path");
    cell.handle().swap(vec![prepared(&CGI)]).expect("swapped");
    stream.write_all(request).expect("sent");
    // The end of the first answer's body may come before it.
    let second = read_until(&mut stream, "world!\n");
    assert!(second.contains("HTTP/1.1 200 "), "the other one does: {second}");
}

#[test]
fn an_ending_cell_answers_what_has_begun() {
    let cell = cell(&[FAULTS]);
    let mut busy = cell.connect();
    busy.write_all(b"GET /sleep?500 HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let idle = cell.connect();
    std::thread::sleep(Duration::from_millis(100));
    let address = cell.address.clone();
    assert_eq!(cell.stop(), Drained::Fully);
    assert_ne!(read_all(&mut busy), "", "what had begun was answered");
    drop(idle);
    assert!(std::net::TcpStream::connect(address).is_err(), "nothing is accepted any more");
}

#[test]
fn an_ending_cell_answers_a_connection_whose_request_is_on_its_way() {
    let cell = cell(&[CGI]);
    let mut fresh = cell.connect();
    let silent = cell.connect();
    std::thread::sleep(Duration::from_millis(50));
    let ending = std::thread::spawn(move || cell.stop());
    std::thread::sleep(Duration::from_millis(50));
    fresh.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    assert_eq!(status(&read_all(&mut fresh)), "200");
    assert_eq!(
        ending.join().expect("no panic"),
        Drained::Fully,
        "a client that says nothing is not waited for"
    );
    drop(silent);
}

#[test]
fn an_ending_cell_does_not_wait_for_ever() {
    let cell = cell_with(&[FAULTS], |options| options.drain = Duration::from_millis(200));
    let mut busy = cell.connect();
    busy.write_all(b"GET /never-finish HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    read_until(&mut busy, "begun\n");
    assert_eq!(cell.stop(), Drained::TimeUp);
}
