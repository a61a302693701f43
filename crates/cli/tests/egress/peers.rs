//! The hosts of the internet: whoever is reached says so.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use crate::addresses::{OWN, PRIVATE, PUBLIC};

/// Every address has a server on this port.
pub(crate) const WEB: u16 = 80;
/// Only [`PRIVATE`] has one on this port.
pub(crate) const PRIVATE_WEB: u16 = 81;
/// [`PUBLIC`], [`PRIVATE`] and the guest's own machine answer datagrams to this port.
pub(crate) const ECHO: u16 = 7777;
/// Ports from which only servers send datagrams.
pub(crate) const SERVED: [u16; 2] = [53, ECHO];

/// A socket that waits for others.
pub(crate) enum Peer {
    Stream(TcpListener),
    Datagram(UdpSocket),
}

/// The sockets of the internet.
pub(crate) fn far() -> Vec<Peer> {
    vec![stream("[::]", WEB), stream(PRIVATE, PRIVATE_WEB), datagram(PUBLIC), datagram(PRIVATE)]
}

/// The sockets of the guest's own machine.
pub(crate) fn near() -> Vec<Peer> {
    vec![stream("[::]", WEB), datagram(OWN), datagram("127.0.0.1")]
}

impl Peer {
    /// Answers as long as this process lives.
    pub(crate) fn serve(self) {
        thread::spawn(move || match self {
            Peer::Stream(listener) => {
                for stream in listener.incoming().flatten() {
                    thread::spawn(move || answer(stream));
                }
            }
            Peer::Datagram(socket) => {
                let mut buffer = [0; 512];
                while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                    let _sent = socket.send_to(&greeting(socket.local_addr()), from);
                }
            }
        });
    }
}

fn stream(address: &str, port: u16) -> Peer {
    Peer::Stream(TcpListener::bind(format!("{address}:{port}")).expect("the port is free"))
}

fn datagram(address: &str) -> Peer {
    Peer::Datagram(UdpSocket::bind(format!("{address}:{ECHO}")).expect("the port is free"))
}

/// The address that was reached; over HTTP if that was asked for. `GET /to/HOST` is sent on to `http://HOST/`.
fn answer(mut stream: TcpStream) {
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..length]);
    let here = greeting(stream.local_addr());
    let there = request.split_whitespace().nth(1).and_then(|path| path.strip_prefix("/to/"));
    let head = match there {
        _ if !request.starts_with("GET ") => String::new(),
        Some(host) => head("302 Found", &format!("location: http://{host}/\r\n"), here.len()),
        None => head("200 OK", "", here.len()),
    };
    let _sent = stream.write_all(&[head.as_bytes(), &here].concat());
}

/// The connection is closed after each answer, so that each request needs a new one.
fn head(status: &str, more: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\n{more}connection: close\r\ncontent-length: {length}\r\n\r\n")
}

fn greeting(here: std::io::Result<SocketAddr>) -> Vec<u8> {
    here.map(|here| format!("reached {}\n", here.ip().to_canonical())).unwrap_or_default().into_bytes()
}
