//! Requests that are made to be read in two ways, or never to end.

mod common;

use std::io::Write;
use std::time::Duration;

use common::{FAULTS, Function, cell, cell_with, read_all, read_until, status};

/// The answer to a head, and that the connection is closed after it.
#[track_caller]
fn refused(request: &str, expected: &str) {
    let cell = cell(&[FAULTS]);
    let answer = cell.raw(request);
    assert_eq!(status(&answer), expected, "{request:?}: {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "nothing after it is read: {answer}");
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";

#[test]
fn two_lengths_are_refused_in_any_order() {
    let (length, chunked) = ("content-length: 4\r\n", "transfer-encoding: chunked\r\n");
    for fields in [format!("{length}{chunked}"), format!("{chunked}{length}")] {
        refused(&format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n0\r\n\r\n{SMUGGLED}"), "400");
    }
}

#[test]
fn lengths_that_differ_or_are_no_numbers_are_refused() {
    for fields in [
        "content-length: 1\r\ncontent-length: 2",
        "content-length: -1",
        "content-length: 1, 2",
        "content-length: 0x1",
    ] {
        refused(&format!("POST / HTTP/1.1\r\nhost: x\r\n{fields}\r\n\r\n{SMUGGLED}"), "400");
    }
}

#[test]
fn encodings_other_than_chunked_last_are_refused() {
    for value in ["chunked, identity", "xchunked", "identity", "chunked;x"] {
        refused(
            &format!("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: {value}\r\n\r\n{SMUGGLED}"),
            "400",
        );
    }
}

#[test]
fn folded_and_malformed_fields_are_refused() {
    for field in ["x: a\r\n b", "x : a", " x: a", "x\0: a", "x: a\0b", ": a", "x"] {
        refused(&format!("GET / HTTP/1.1\r\nhost: x\r\n{field}\r\n\r\n{SMUGGLED}"), "400");
    }
}

#[test]
fn a_request_needs_exactly_one_host() {
    refused("GET / HTTP/1.1\r\nconnection: close\r\n\r\n", "400");
    refused("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n", "400");
}

#[test]
fn bad_chunks_end_the_connection() {
    let cell = cell(&[FAULTS]);
    for chunk in ["zz\r\nhello\r\n", "5\r\nhelloXX", "ffffffffffffffffff\r\n", "-1\r\n"] {
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = cell.raw(&format!("{head}{chunk}{SMUGGLED}"));
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{chunk:?}: {answer}");
    }
    assert_eq!(status(&cell.get("/")), "200");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let large = "x".repeat(40_000);
    refused(&format!("GET / HTTP/1.1\r\nhost: x\r\nx: {large}\r\nconnection: close\r\n\r\n"), "431");
    let small = cell(&[Function { limits: &["headers=1KiB"], ..FAULTS }]);
    let answer = small
        .raw(&format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\nconnection: close\r\n\r\n", &large[..2000]));
    assert_eq!(status(&answer), "431");
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let cell = cell_with(&[FAULTS], |options| options.patience.head = Duration::from_millis(200));
    let mut stream = cell.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx: ").expect("sent");
    assert_eq!(read_all(&mut stream), "");
}

#[test]
fn an_idle_connection_is_closed() {
    let cell = cell_with(&[FAULTS], |options| options.patience.idle = Duration::from_millis(200));
    let mut stream = cell.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    assert_eq!(status(&read_until(&mut stream, "hello\n")), "200");
    assert_eq!(read_all(&mut stream), "");
}

#[test]
fn a_body_that_never_comes_is_not_waited_for() {
    let cell = cell(&[Function { limits: &["idle-time=200ms"], ..FAULTS }]);
    let mut stream = cell.connect();
    stream.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhel").expect("sent");
    let _ = read_all(&mut stream);
    assert_eq!(status(&cell.get("/")), "200");
}

#[test]
fn a_client_that_does_not_read_is_left() {
    let cell = cell_with(&[FAULTS], |options| options.patience.write = Duration::from_millis(300));
    let mut stream = cell.connect();
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    cell.log.wait_for(&["/endless", "the client left"]);
}
