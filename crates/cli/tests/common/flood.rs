//! Many connections that wait to be accepted, and one client who is already there.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Fewer than the descriptors that every process may have.
const NEWCOMERS: usize = 900;
/// Requests of the client who is already there.
const REQUESTS: usize = 10;

/// Asks for a path on a connection that a stopped server had accepted before a flood of others came, and goes on asking
/// when it goes on; how many of the others, who ask for another path, were answered before the last of these requests, and
/// of how many.
pub(crate) fn answered_before(
    address: &str,
    [path, others]: [&str; 2],
    stop: impl FnOnce(),
    go_on: impl FnOnce(),
) -> (usize, usize) {
    let request = |path| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes();
    let ask = |path| {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.write_all(&request(path)).expect("sent");
        stream
    };
    let mut here = ask(path);
    read_answer(&mut here);
    stop();
    let newcomers: Vec<_> = (0..NEWCOMERS).map(|_| ask(others)).collect();
    here.write_all(&request(path)).expect("sent");
    go_on();
    for _ in 1..REQUESTS {
        read_answer(&mut here);
        here.write_all(&request(path)).expect("sent");
    }
    read_answer(&mut here);
    let is_answered = |stream: &&TcpStream| {
        stream.set_nonblocking(true).expect("set");
        stream.peek(&mut [0]).is_ok()
    };
    (newcomers.iter().filter(is_answered).count(), NEWCOMERS)
}

/// Reads one small answer, which comes in one piece.
fn read_answer(stream: &mut TcpStream) {
    let mut bytes = [0; 1024];
    let read = stream.read(&mut bytes).expect("an answer");
    assert!(bytes[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes[..read]));
}
