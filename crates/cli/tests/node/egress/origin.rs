//! Servers on loopback that guests ask.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::TempDir;

/// Answers "ok" to each request, keeps connections, and counts them.
pub(super) struct Origin {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
}

impl Origin {
    pub(super) fn start() -> Origin {
        Origin::answering(usize::MAX)
    }

    /// One that closes each connection after so many answers.
    pub(super) fn answering(requests_each: usize) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || answer(&stream, requests_each));
            }
        });
        Origin { port, connections }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: &TcpStream, requests: usize) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    for _ in 0..requests {
        if lines.by_ref().take_while(|line| !line.is_empty()).count() == 0 {
            return;
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
}

/// A web server of openssl's, with a certificate of an authority that only tests know.
pub(super) struct Secure {
    pub(super) port: u16,
    folder: TempDir,
    process: Child,
}

impl Secure {
    pub(super) fn start() -> Secure {
        let folder = TempDir::new().expect("a folder");
        for name in ["authority.der", "origin.der"] {
            let to = folder.path().join(name).with_extension("pem");
            let mut command = openssl(&["x509", "-inform", "DER"]);
            command.arg("-in").arg(data(name)).arg("-out").arg(to);
            assert!(command.status().expect("openssl runs").success(), "{name}");
        }
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = openssl(&["s_server", "-www", "-quiet", "-accept"]);
        command.arg(format!("127.0.0.1:{port}")).arg("-cert").arg(folder.path().join("origin.pem"));
        command.args(["-keyform", "DER", "-key"]).arg(data("origin.key.der"));
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("openssl runs");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Secure { port, folder, process }
    }

    /// The file with the authority's certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(args: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(args);
    command
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/http_out/testdata").join(name)
}
