//! The servers under comparison, and how each is started.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::peers::Peers;
use crate::run::Server;

/// What is asked of a server.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// The component that answers it.
    pub guest: &'static str,
    /// The path under which the servers without components answer it.
    pub path: &'static str,
    pub body_bytes: usize,
    pub kinds: &'static [Kind],
}

const WASM: &[Kind] = &[Kind::Tombolo, Kind::Wasmtime];

pub const SCENARIOS: [Scenario; 7] = [
    Scenario { name: "hello", guest: "rust-http-bare", path: "/", body_bytes: 0, kinds: &Kind::ALL },
    Scenario { name: "hello, async", guest: "rust-http-hello", path: "/", body_bytes: 0, kinds: WASM },
    Scenario { name: "JSON", guest: "rust-http-json", path: "/json", body_bytes: 0, kinds: &Kind::ALL },
    Scenario {
        name: "echo 64 KiB",
        guest: "rust-http-echo",
        path: "/echo",
        body_bytes: 65536,
        kinds: &Kind::ALL,
    },
    Scenario { name: "fetch", guest: "rust-http-fetch", path: "/fetch", body_bytes: 0, kinds: &Kind::ALL },
    Scenario {
        name: "key-value read",
        guest: "rust-http-kv-bare",
        path: "/bench/key",
        body_bytes: 0,
        kinds: &[Kind::Tombolo],
    },
    Scenario {
        name: "key-value read, async",
        guest: "rust-http-kv",
        path: "/bench/key",
        body_bytes: 0,
        kinds: &[Kind::Tombolo],
    },
];

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Native,
    Tombolo,
    Wasmtime,
    Workerd,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Native, Self::Tombolo, Self::Wasmtime, Self::Workerd];

    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native hyper",
            Self::Tombolo => "tombolo serve",
            Self::Wasmtime => "wasmtime serve",
            Self::Workerd => "workerd",
        }
    }

    /// Starts it on one processor, listening on `port` of the loopback address.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(self, peers: &Peers, scenario: Scenario, place: Place<'_>) -> anyhow::Result<Server> {
        let address = format!("127.0.0.1:{}", place.port);
        let guest = peers.guest(scenario.guest);
        let upstream = format!("UPSTREAM={}", place.upstream);
        let fetch = format!("http GET {}*", place.upstream);
        let mut command = Command::new("taskset");
        command.args(["-c", &place.cpu.to_string()]).env("UPSTREAM", place.upstream);
        match self {
            Self::Native => command.arg(native()?).arg(place.port.to_string()),
            Self::Tombolo => {
                let limits = ["--limit", "concurrency=512", "--limit", "queue=512"];
                let grants = ["--env", &upstream, "--grant", &fetch, "--grant", "kv bench read-write"];
                command
                    .arg(&peers.tombolo)
                    .arg("serve")
                    .args(limits)
                    .args(grants)
                    .args(["--listen", &address, &guest])
            }
            Self::Wasmtime => command
                .arg(peers.wasmtime())
                .args(["serve", "-Scli=y", "--env", &upstream, "--addr", &address, &guest]),
            Self::Workerd => {
                let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("workerd/config.capnp");
                let socket = format!("--socket-addr=http={address}");
                command.arg(peers.workerd()).arg("serve").arg(config).arg(socket)
            }
        };
        let server = Server::start(&mut command, place.port)?;
        if scenario.path.starts_with("/bench/") {
            put(place.port, scenario.path, "a value of some forty characters, no more")?;
        }
        Ok(server)
    }
}

/// Where a server runs and whom it may ask.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub cpu: usize,
    pub port: u16,
    pub upstream: &'a str,
}

/// Starts the native server as the upstream of the fetching scenario.
///
/// # Errors
/// When it does not come up.
pub fn start_upstream(cpu: usize, port: u16) -> anyhow::Result<Server> {
    let mut command = Command::new("taskset");
    command.args(["-c", &cpu.to_string()]).arg(native()?).arg(port.to_string());
    Server::start(&mut command, port)
}

/// Stores what will be read.
fn put(port: u16, path: &str, value: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let length = value.len();
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{value}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "PUT {path}: {answer}");
    Ok(())
}

fn native() -> anyhow::Result<std::path::PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("native-server"))
}

/// A port of the loopback address that nobody listens on at the moment.
///
/// # Errors
/// When none can be bound.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
