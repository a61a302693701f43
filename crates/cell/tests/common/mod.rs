//! A cell with real guests, talked to over raw sockets.
#![allow(dead_code, unreachable_pub)] // Each test file is a crate and uses a part.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tombolo_cell::{Drained, Handle, Patience, PreparedFunction, Public, ServeOptions, Serving};
use tombolo_engine::{Code, Engine, EngineClass, EngineOptions, Pooling};
use tombolo_host::{Template, TemplateParts};
use tombolo_listen::{ListenAddress, Listener};
use tombolo_spec::{GrantSet, LimitOverrides, Profile};

/// A function to serve: its name, guest, routes and limits.
pub(crate) struct Function {
    pub name: &'static str,
    pub guest: &'static str,
    pub on: &'static [&'static str],
    pub limits: &'static [&'static str],
}

/// `http-faults` on every path.
pub(crate) const FAULTS: Function =
    Function { name: "faults", guest: "rust-http-faults", on: &["http * /*"], limits: &[] };
/// `c-cgi` on every path.
pub(crate) const CGI: Function = Function { name: "cgi", guest: "c-cgi", on: &["http * /*"], limits: &[] };

/// A cell that runs.
pub(crate) struct Cell {
    pub address: String,
    pub admin: String,
    pub control: PathBuf,
    pub log: LogText,
    serving: Option<Serving>,
    _folder: tempfile::TempDir,
}

/// What a cell has logged.
#[derive(Clone, Default)]
pub(crate) struct LogText(Arc<Mutex<Vec<u8>>>);

impl Write for LogText {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl LogText {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("the log")).into_owned()
    }

    /// Waits for a line that holds all of `parts`.
    pub(crate) fn wait_for(&self, parts: &[&str]) -> String {
        for _ in 0..500 {
            let text = self.text();
            if let Some(line) = text.lines().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.to_owned();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no line with {parts:?} in the log:\n{}", self.text());
    }
}

/// Serves `functions` with default options, changed by `change`.
pub(crate) fn cell_with(functions: &[Function], change: impl FnOnce(&mut ServeOptions)) -> Cell {
    let folder = tempfile::tempdir().expect("a folder");
    let control = folder.path().join("control.sock");
    let bind = |address: ListenAddress| Listener::bind(&address, 1).expect("a socket");
    let listeners = bind("127.0.0.1:0".parse().expect("an address"));
    let admin = bind("127.0.0.1:0".parse().expect("an address"));
    let log = LogText::default();
    let addresses = (listeners[0].address().to_owned(), admin[0].address().to_owned());
    let mut options = ServeOptions {
        engines: vec![engine().clone()],
        functions: functions.iter().map(prepared).collect(),
        listeners: listeners.into_iter().map(|listener| Public { listener, tls: None }).collect(),
        gateway: Vec::new(),
        is_open: true,
        control: bind(ListenAddress::Unix(control.clone())),
        admin,
        workers: 1,
        instances: 100,
        memory_bytes: 1 << 30,
        connections: 1000,
        patience: Patience::default(),
        drain: Duration::from_secs(10),
        log: Box::new(log.clone()),
        traces: None,
    };
    change(&mut options);
    let serving = tombolo_cell::serve(options).expect("the cell starts");
    Cell { address: addresses.0, admin: addresses.1, control, log, serving: Some(serving), _folder: folder }
}

pub(crate) fn cell(functions: &[Function]) -> Cell {
    cell_with(functions, |_| {})
}

/// One engine for all tests of a file, on demand or pooling as the environment says.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let options = EngineOptions::new(EngineClass::Plain).with_compiler(true).with_pooling(Pooling::Auto);
        Engine::new(&options).expect("an engine")
    })
}

/// A function as it is handed to a cell.
pub(crate) fn prepared(function: &Function) -> PreparedFunction {
    static CODE: Mutex<Vec<(&'static str, Code)>> = Mutex::new(Vec::new());
    let mut built = CODE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let code = match built.iter().find(|(name, _)| *name == function.guest) {
        Some((_, code)) => code.clone(),
        None => {
            let artifact = std::fs::read(guest(function.guest)).expect("the guest can be read");
            let code = engine().build(&artifact).expect("the guest compiles");
            built.push((function.guest, code.clone()));
            code
        }
    };
    let mut limits = LimitOverrides::default();
    function.limits.iter().for_each(|line| limits.set_line(line).expect("a limit"));
    let limits = limits.resolve(Profile::Serve);
    let parts =
        TemplateParts { limits: limits.clone(), ..TemplateParts::new(function.name, GrantSet::default()) };
    PreparedFunction {
        name: function.name.into(),
        revision: "1".into(),
        on: function.on.iter().map(|line| line.parse().expect("a trigger")).collect(),
        engine: engine().clone(),
        code,
        template: Arc::new(Template::prepare(parts).expect("a template")),
        limits,
    }
}

impl Cell {
    pub(crate) fn handle(&self) -> Handle {
        self.serving.as_ref().expect("the cell runs").handle()
    }

    pub(crate) fn stop(mut self) -> Drained {
        self.serving.take().expect("the cell runs").stop().expect("the cell ends")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    /// Sends `request` and reads until the cell closes.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("the request is sent");
        read_all(&mut stream)
    }

    /// A GET on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> String {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }

    /// A request with a body, on a connection of its own.
    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        let length = body.len();
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            let _ = serving.stop();
        }
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    stream
}

/// Everything until the peer closes, also when it does so hard.
pub(crate) fn read_all(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads until `end` has come.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&text).ends_with(end) {
        match stream.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Says that nothing more will be sent.
pub(crate) fn close_write(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("half closed");
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

/// What follows the head.
pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// One built guest program: in `$TOMBOLO_GUESTS`, or where `scripts/build-guests` puts it.
fn guest(name: &str) -> PathBuf {
    static GUESTS: OnceLock<PathBuf> = OnceLock::new();
    let folder = GUESTS.get_or_init(|| match std::env::var_os("TOMBOLO_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-guests");
            let output =
                Command::new(script).arg("--print-folder").output().expect("scripts/build-guests runs");
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
        }
    });
    let path = folder.join(name).with_extension("wasm");
    assert!(
        path.exists(),
        "{} is missing: run scripts/install-test-tools and scripts/build-guests",
        path.display()
    );
    path
}
