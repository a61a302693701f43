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
        let mut begun = ask(&server, "/sleep?1000");
        let idle = ask(&server, "/");
        let mut first = [0];
        idle.peek(&mut first).expect("an answer, and then an idle connection");
        begun.set_nonblocking(false).expect("a blocking socket");
        server.signal(signal);
        let refused = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            TcpStream::connect(&server.address).is_err()
        });
        assert!(refused, "nothing new is taken");
        let mut answer = String::new();
        begun.read_to_string(&mut answer).expect("an answer to its end");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("slept"), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        assert!(rest(idle).ends_with("hello\n"));
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
