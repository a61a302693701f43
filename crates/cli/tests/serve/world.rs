//! A server that runs, and the means to talk to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::certificates::Certificate;
use crate::common::tombolo;

/// How often something is looked for that must come, at [`PAUSE`] between two looks.
const LOOKS_MAX: usize = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// A `tombolo serve` that runs, with what it said.
pub(crate) struct Server {
    pub(crate) address: String,
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `tombolo serve ARGS` on a free port.
    pub(crate) fn start(args: &[&str]) -> Server {
        let listen = ["serve", "--listen", "127.0.0.1:0"];
        Server::spawn(tombolo(listen.iter().chain(args)))
    }

    /// `tombolo serve` of a built guest on a free port.
    pub(crate) fn of_guest(name: &str, more: &[&str]) -> Server {
        let guest = crate::common::guest(name);
        Server::start(&[&[guest.to_str().expect("a path in UTF-8")], more].concat())
    }

    /// Starts this command and waits until it serves.
    pub(crate) fn spawn(mut command: Command) -> Server {
        command.stdin(Stdio::null());
        Server::spawn_with_its_input(command)
    }

    /// As [`Server::spawn`] for a command whose standard input means something.
    pub(crate) fn spawn_with_its_input(mut command: Command) -> Server {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the built binary starts");
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let stderr = child.stderr.take().expect("stderr was piped");
        let keep = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let mut server = Server { address: String::new(), child, said };
        let line = server.wait_for(&["serving on "]);
        server.address = line.split("serving on ").nth(1).expect("an address").to_owned();
        server
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that holds all of `parts`.
    #[track_caller]
    pub(crate) fn wait_for(&self, parts: &[&str]) -> String {
        self.wait_for_count(parts, 1)
    }

    /// Waits until `count` lines hold all of `parts`, and gives the last of them.
    #[track_caller]
    pub(crate) fn wait_for_count(&self, parts: &[&str], count: usize) -> String {
        for _ in 0..LOOKS_MAX {
            let lines = self.lines();
            let mut found = lines.iter().filter(|line| parts.iter().all(|part| line.contains(part)));
            if let Some(line) = found.nth(count - 1) {
                return line.clone();
            }
            std::thread::sleep(PAUSE);
        }
        panic!("no {count} lines with {parts:?}:\n{}", self.lines().join("\n"));
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the server takes a signal");
    }

    /// Tells it to end and gives its exit code.
    pub(crate) fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for its end and gives its exit code.
    pub(crate) fn wait(mut self) -> Option<i32> {
        self.child.wait().expect("the server ends").code()
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        stream
    }

    /// Sends `request` and reads until the server closes.
    pub(crate) fn raw(&self, request: &str) -> String {
        String::from_utf8_lossy(&self.raw_bytes(request)).into_owned()
    }

    fn raw_bytes(&self, request: &str) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = Vec::new();
        // A server that closes hard has said what it had to say.
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    /// A GET on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> String {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }

    /// The body of a GET, whichever way it is framed.
    pub(crate) fn body(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.body_bytes(path)).into_owned()
    }

    /// As [`Server::body`], of any bytes.
    pub(crate) fn body_bytes(&self, path: &str) -> Vec<u8> {
        // HTTP/1.0 knows no chunks: what an answer of unknown length ends with is the connection.
        let answer = self.raw_bytes(&format!("GET {path} HTTP/1.0\r\nhost: x\r\n\r\n"));
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        end.map_or_else(Vec::new, |end| answer[end + 4..].to_vec())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been stopped, and its number is kept until it was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that answers every request with `text`, as the text of a module.
pub(crate) fn answering(text: &str) -> String {
    let answer = format!("content-type: text/plain\\n\\n{text}");
    let bytes = "content-type: text/plain\n\n".len() + text.len();
    format!(
        r#"(module
             (import "wasi_snapshot_preview1" "fd_write"
               (func $write (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1)
             (data (i32.const 64) "{answer}")
             (func (export "_start")
               (i32.store (i32.const 0) (i32.const 64))
               (i32.store (i32.const 4) (i32.const {bytes}))
               (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#
    )
}

/// Replaces a file as editors do: a new one takes its name.
pub(crate) fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).expect("a file can be written");
    std::fs::rename(&beside, path).expect("a file can be renamed");
}

/// What `curl -sS ARGS` prints.
#[track_caller]
pub(crate) fn curl(args: &[&str]) -> String {
    let output = Command::new("curl").arg("-sS").args(args).output().expect("curl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a command prints, which must end well.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the command runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed
}

impl Server {
    /// Connections that the process holds: sockets beyond those it had when it began to serve do not count apart.
    pub(crate) fn connections(&self) -> usize {
        let port =
            self.address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).expect("a port");
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        let own = format!(":{port:04X} ");
        // The state 01 is ESTABLISHED; the local address is the second column.
        let is_own = |line: &&str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns.get(3) == Some(&"01")
                && columns.get(1).is_some_and(|local| format!("{local} ").ends_with(&own))
        };
        table.lines().filter(is_own).count()
    }
}

impl Server {
    /// Descriptors that the process holds.
    pub(crate) fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid().as_raw_nonzero());
        std::fs::read_dir(folder).map_or(usize::MAX, Iterator::count)
    }

    /// Resident memory that the process has written to, in bytes. Pages of files come and go with what else the
    /// machine does.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid().as_raw_nonzero());
        let text = std::fs::read_to_string(path).expect("the process' memory");
        let own = text.lines().filter(|line| line.starts_with("Anonymous:"));
        let kib: u64 = own.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum();
        kib * 1024
    }

    /// Waits until `is_so` holds, which it must at some time.
    #[track_caller]
    pub(crate) fn settles(&self, is_so: impl Fn(&Server) -> bool, what: &str) {
        for _ in 0..LOOKS_MAX {
            if is_so(self) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("{what} did not settle: {} descriptors, {} bytes", self.descriptors(), self.memory_bytes());
    }
}

/// The flags by which a server uses a certificate.
pub(crate) fn certificate_flags(certificate: &Certificate) -> [String; 4] {
    let text = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    ["--tls-cert".into(), text(&certificate.certificate), "--tls-key".into(), text(&certificate.key)]
}
