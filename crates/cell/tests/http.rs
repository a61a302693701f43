//! HTTP from outside: what a client sends and what it gets back, byte for byte where that matters.

mod common;

use std::io::Write;

use common::{CGI, FAULTS, Function, body, cell, read_all, read_until, status};

#[test]
fn a_request_is_answered_by_the_function_of_its_route() {
    let functions = [
        Function { on: &["http GET /a/*", "http * example.com/*"], ..FAULTS },
        Function { on: &["http GET,POST /cgi/*"], ..CGI },
    ];
    let cell = cell(&functions);
    assert_eq!(status(&cell.get("/a/nothing")), "404", "the guest's own answer");
    assert_eq!(body(&cell.get("/cgi/hello")), "Hello, world!\n");
    let named = cell.raw("GET / HTTP/1.1\r\nhost: EXAMPLE.com:80\r\nconnection: close\r\n\r\n");
    assert_eq!(body(&named), "hello\n");
    let nobody = cell.get("/b");
    assert_eq!(status(&nobody), "404");
    assert!(body(&nobody).starts_with("request "), "only the request's id is told: {nobody}");
    let refused = cell.raw("PUT /cgi/hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&refused), "405");
    assert!(refused.to_lowercase().contains("allow: get, head, post\r\n"), "{refused}");
}

#[test]
fn a_short_answer_has_its_length_and_the_connection_stays() {
    let cell = cell(&[FAULTS]);
    let mut stream = cell.connect();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
        let answer = read_until(&mut stream, "hello\n");
        assert!(answer.contains("content-length: 6\r\n"), "{answer}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let cell = cell(&[FAULTS]);
    let one = "GET /status?201 HTTP/1.1\r\nhost: x\r\n\r\n";
    let two = "GET /status?202 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answers = cell.raw(&format!("{one}{one}{two}"));
    let statuses: Vec<_> =
        answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["201", "201", "202"]);
}

#[test]
fn head_is_answered_without_a_body() {
    let cell = cell(&[Function { on: &["http GET /*"], ..FAULTS }]);
    let answer = cell.raw("HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!((status(&answer), body(&answer)), ("200", ""));
}

#[test]
fn bodies_go_in_and_out_whole_with_and_without_a_length() {
    let cell = cell(&[FAULTS]);
    assert_eq!(body(&cell.post("/echo", "hello echo")), "hello echo");
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = cell.raw(&format!("{head}5\r\nhello\r\n6; x=y\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"));
    assert!(body(&answer).contains("hello") && body(&answer).contains(" world"), "{answer}");
    let large = "x".repeat(600_000);
    let answer = cell.post("/echo", &large);
    assert_eq!(
        answer.matches('x').count() - answer[..answer.len() - body(&answer).len()].matches('x').count(),
        600_000
    );
}

#[test]
fn a_client_that_expects_to_be_asked_is_asked() {
    let cell = cell(&[CGI]);
    let mut stream = cell.connect();
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n")
        .expect("sent");
    assert_eq!(read_until(&mut stream, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").expect("sent");
    assert!(read_all(&mut stream).contains("hello"));
}

#[test]
fn trailers_follow_a_chunked_body() {
    let cell = cell(&[FAULTS]);
    let answer = cell.raw("GET /trailers HTTP/1.1\r\nhost: x\r\nte: trailers\r\nconnection: close\r\n\r\n");
    assert!(answer.contains("transfer-encoding: chunked"), "{answer}");
    assert!(answer.contains("abc"), "{answer}");
}

#[test]
fn the_head_leaves_before_the_body_ends() {
    let cell = cell(&[FAULTS]);
    let mut stream = cell.connect();
    stream.write_all(b"GET /never-finish HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let begun = read_until(&mut stream, "begun\n");
    assert_eq!(status(&begun), "200");
}

#[test]
fn an_upgrade_is_not_taken_up() {
    let cell = cell(&[FAULTS]);
    let answer = cell.raw(
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n\r\n",
    );
    assert_eq!(status(&answer), "200");
    assert!(!answer.to_lowercase().contains("upgrade"), "{answer}");
}

#[test]
fn every_instance_is_fresh() {
    let cell = cell(&[FAULTS]);
    let mut stream = cell.connect();
    for _ in 0..50 {
        stream.write_all(b"GET /count HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
        let line = read_until(&mut stream, "written false\n");
        assert!(line.contains("global 1 heap 1 file 1"), "{line}");
    }
}
