//! How a server ends: what has begun is answered, within a limit; nothing new is taken.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::world::Server;

fn ask(server: &Server, path: &str) -> TcpStream {
    let mut stream = server.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A server that ends closes as it likes.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_request_that_has_begun_is_answered_and_the_exit_code_is_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::of_guest("rust-http-faults", &[]);
        let mut begun = server.connect();
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
        begun.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        while !answer.contains("hello") {
            let mut bytes = [0; 256];
            let read = begun.read(&mut bytes).expect("an answer begins");
            answer.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        let idle = ask(&server, "/");
        let mut first = [0];
        idle.peek(&mut first).expect("an answer, and then an idle connection");
        server.signal(signal);
        let refused = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            TcpStream::connect(&server.address).is_err()
        });
        assert!(refused, "nothing new is taken");
        begun.write_all(b"5\r\nworld\r\n0\r\n\r\n").expect("sent");
        answer.push_str(&rest(begun));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("world"), "{answer}");
        assert!(answer.ends_with("0\r\n\r\n"), "to its end: {answer}");
        assert!(rest(idle).contains("hello\n"));
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn a_request_that_does_not_end_is_given_up_after_the_limit() {
    let server = Server::of_guest("rust-http-faults", &["--drain", "300ms"]);
    let endless = ask(&server, "/never-finish");
    let mut first = [0];
    endless.peek(&mut first).expect("the answer begins");
    server.signal(Signal::TERM);
    server.wait_for(&["the time to drain was up"]);
    let answer = rest(endless);
    assert!(answer.contains("begun") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(server.wait(), Some(0));
}
