//! The built binary as a server, and a client that knows no more of HTTP than the tests need.

#![allow(dead_code)] // Each test file uses a part of this.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::common::tombolo;

/// A `tombolo serve` on a port of its own; ended with the value.
pub(crate) struct Server {
    pub child: Child,
    pub address: SocketAddr,
    /// What it logs.
    log: Mutex<Receiver<String>>,
}

/// What a server answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: String,
}

/// As long as any answer may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    /// Starts `tombolo serve --listen 127.0.0.1:0 ARGS` and waits until it serves; what it said when it did not.
    pub(crate) fn try_start(args: &[&str]) -> Result<Server, String> {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        let mut child = tombolo(listen.iter().chain(args))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("stderr was piped"));
        let (sender, log) = channel();
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut said = String::new();
        while let Ok(line) = log.recv_timeout(PATIENCE) {
            if let Some(address) = line.strip_prefix("tombolo: serving on ") {
                let address = address.parse().expect("an address");
                return Ok(Server { child, address, log: Mutex::new(log) });
            }
            said += &line;
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(said)
    }

    /// One request on a connection of its own.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        ask(self.address, method, path, body).expect("the server answers")
    }

    /// The next line of the log that holds `text`.
    pub(crate) fn logged(&self, text: &str) -> String {
        while let Ok(line) = self.log.lock().expect("one test reads the log").recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
        }
        panic!("{text:?} was not logged");
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the server is ours to kill");
        self.child.wait().expect("the server ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request on a connection of its own; an error when the server is gone before it has answered.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    request.extend_from_slice(body);
    stream.write_all(&request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { joined(body).ok_or(ErrorKind::UnexpectedEof)? } else { body.to_owned() };
    Ok(Answer { status, body })
}

/// The chunks of a body, if the last one is there too.
fn joined(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body += rest.get(..size)?;
        chunks = rest.get(size + 2..)?;
    }
}
