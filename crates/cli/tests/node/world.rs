//! A node of a test's own, and apps for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Done, TempDir, binary, binary_without_first_wall, finish, program, tombolo};

/// How long anything may take here, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node with folders of its own.
pub(crate) struct Node {
    pub(crate) folder: TempDir,
    pub(crate) address: String,
    /// All of them, the others as the node says them.
    pub(crate) addresses: Vec<String>,
    process: Child,
    binary: &'static Path,
    more: Vec<String>,
    disk: Option<SmallDisk>,
}

/// A file system of a few megabytes, seen by those who enter its namespaces alone.
pub(crate) struct SmallDisk(Child);

impl SmallDisk {
    /// None where the kernel does not let this user make one.
    fn at(folder: &Path, megabytes: u32) -> Option<SmallDisk> {
        std::fs::create_dir_all(folder).expect("a folder");
        let mount = format!(
            "mount -t tmpfs -o size={megabytes}m,mode=700 none {} && echo up && exec sleep 600",
            path(folder)
        );
        let mut holder = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount])
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("read");
        (line == "up\n").then_some(SmallDisk(holder))
    }

    fn command(&self, binary: &Path) -> std::process::Command {
        let mut command = std::process::Command::new("nsenter");
        let target = self.0.id().to_string();
        command.args(["--target", &target, "--user", "--mount", "--preserve-credentials"]);
        command.arg(binary);
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        command
    }

    /// Fills it to the last byte; returns the file that does.
    pub(crate) fn fill(&self, folder: &Path) -> PathBuf {
        let path = PathBuf::from(format!("/proc/{}/root{}/full", self.0.id(), path(folder)));
        let mut file = std::fs::File::create(&path).expect("a file");
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Node {
    pub(crate) fn start() -> Node {
        Node::start_with(&[])
    }

    /// A node with more arguments.
    pub(crate) fn start_with(more: &[&str]) -> Node {
        let folder = TempDir::new().expect("a temporary folder");
        Node::start_in(folder, "127.0.0.1:0", more, None, binary())
    }

    /// A node whose guests can make any system call.
    pub(crate) fn start_without_first_wall() -> Node {
        Node::start_without_first_wall_with(&[])
    }

    pub(crate) fn start_without_first_wall_with(more: &[&str]) -> Node {
        let folder = TempDir::new().expect("a temporary folder");
        let more = [&["--trial", "50ms"], more].concat();
        Node::start_in(folder, "127.0.0.1:0", &more, None, binary_without_first_wall())
    }

    /// A node whose state is on a disk of a few megabytes; none where that can't be made.
    pub(crate) fn start_on_small_disk(megabytes: u32) -> Option<Node> {
        let folder = TempDir::new().expect("a temporary folder");
        let disk = SmallDisk::at(&folder.path().join("state"), megabytes)?;
        Some(Node::start_in(folder, "127.0.0.1:0", &["--trial", "50ms"], Some(disk), binary()))
    }

    /// Leaves no space on the node's disk; returns the file that takes it.
    pub(crate) fn fill_disk(&self) -> PathBuf {
        self.disk.as_ref().expect("a small disk").fill(&self.state())
    }

    /// A node in a folder that holds something already.
    pub(crate) fn start_in_folder(folder: TempDir) -> Node {
        Node::start_in(folder, "127.0.0.1:0", &[], None, binary())
    }

    /// A node whose operator wrote this ceiling.
    pub(crate) fn start_under(ceiling: &str) -> Node {
        let folder = crate::common::folder(&[("config/ceiling.toml", ceiling)]);
        Node::start_in(folder, "127.0.0.1:0", &[], None, binary())
    }

    pub(crate) fn start_in(
        folder: TempDir,
        address: &str,
        more: &[&str],
        disk: Option<SmallDisk>,
        binary: &'static Path,
    ) -> Node {
        let command = disk.as_ref().map_or_else(|| program(binary, [""; 0]), |disk| disk.command(binary));
        Node::spawn(command, folder, address, more, disk, binary)
    }

    pub(crate) fn spawn(
        mut command: std::process::Command,
        folder: TempDir,
        address: &str,
        more: &[&str],
        disk: Option<SmallDisk>,
        binary: &'static Path,
    ) -> Node {
        command.args(["node", "--workers", "1", "--listen", address]);
        for (flag, name) in [("--state", "state"), ("--runtime", "run"), ("--config", "config")] {
            command.arg(flag).arg(folder.path().join(name));
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.path().join("node.log"))
            .expect("a log file");
        let mut process = command
            .args(more)
            .env("TOMBOLO_FAILPOINTS", folder.path().join("failpoints"))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let addresses = addresses_of(&mut process, folder.path());
        let address = addresses[0].clone();
        let more = more.iter().map(|argument| (*argument).to_owned()).collect();
        Node { folder, address, addresses, process, binary, more, disk }
    }

    /// A node whose operator said whom TLS trusts.
    pub(crate) fn start_trusting(folder: TempDir, authority: Option<PathBuf>) -> Node {
        let mut command = program(binary(), [""; 0]);
        command.envs(authority.map(|file| ("SSL_CERT_FILE", file)));
        Node::spawn(command, folder, "127.0.0.1:0", &[], None, binary())
    }

    /// The same node again, after it was killed; on the address it had.
    pub(crate) fn again(mut self) -> Node {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let more: Vec<&str> = self.more.iter().map(String::as_str).collect();
        let folder = std::mem::replace(&mut self.folder, TempDir::new().expect("a temporary folder"));
        let address = self.address.clone();
        let disk = self.disk.take();
        Node::start_in(folder, &address, &more, disk, self.binary)
    }

    /// Kills it; what it leaves on the disk.
    pub(crate) fn kill(mut self) -> TempDir {
        let _ = self.process.kill();
        let _ = self.process.wait();
        std::mem::replace(&mut self.folder, TempDir::new().expect("a temporary folder"))
    }

    /// Lets the next process that comes to this point end there.
    pub(crate) fn arm(&self, point: &str) -> PathBuf {
        let folder = self.folder.path().join("failpoints");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(point), "").expect("a file");
        folder.join(point)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// What the node has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("node.err")).unwrap_or_default()
    }

    /// A command that talks to this node, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        let mut command = tombolo(args);
        command.env("TOMBOLO_NODE", self.folder.path().join("run/api.sock"));
        finish(&mut command, b"")
    }

    /// Deploys an app that answers `text` on its routes, as `version`.
    pub(crate) fn apply(&self, app: &App) -> Done {
        let folder = app.write();
        self.run(&["apply", "-f", path(&folder.path().join("tombolo.toml")), "--tenant", app.tenant])
    }

    /// The node's own words about itself.
    pub(crate) fn status(&self) -> Value {
        json(self.run(&["node", "status", "--json"]))
    }

    /// One app of the tenant `default`.
    pub(crate) fn app(&self, name: &str) -> Value {
        json(self.run(&["status", name, "--json"]))[0].clone()
    }

    /// The status and body of an answer, of a request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.try_get(path).unwrap_or_else(|| panic!("no answer to {path}: {}", self.log()))
    }

    pub(crate) fn try_get(&self, path: &str) -> Option<(u16, String)> {
        try_get(&self.address, path)
    }

    /// The address of the listener that is this tenant's alone.
    pub(crate) fn own_address(&self, tenant: &str) -> &str {
        let end = format!(" for {tenant}");
        self.addresses.iter().find_map(|address| address.strip_suffix(&end)).expect("its own listener")
    }

    /// Sends raw bytes; returns all that comes back.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Waits until the body at `path` is `text`.
    #[track_caller]
    pub(crate) fn serves(&self, path: &str, text: &str) {
        self.until(&format!("{path} answers {text:?}"), || {
            self.try_get(path).is_some_and(|(status, body)| status == 200 && body == text)
        });
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < PATIENCE, "not in time: {what}; the node said: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes of the cells that serve.
    pub(crate) fn cells(&self) -> Vec<u32> {
        let status = self.status();
        let cells = status["cells"].as_array().expect("a list");
        cells
            .iter()
            .map(|cell| u32::try_from(cell["pid"].as_u64().expect("a number")).expect("a pid"))
            .collect()
    }

    /// The processes of a tenant's cells.
    pub(crate) fn cells_of(&self, tenant: &str) -> Vec<u32> {
        let status = self.status();
        let cells = status["cells"].as_array().expect("a list").iter();
        let own = cells.filter(|cell| cell["tenant"] == tenant).filter_map(|cell| cell["pid"].as_u64());
        own.map(|pid| u32::try_from(pid).expect("a pid")).collect()
    }

    pub(crate) fn gateway(&self) -> Option<u32> {
        self.status()["gateway"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// The process that makes connections for cells.
    pub(crate) fn egress(&self) -> Option<u32> {
        self.status()["egress"].as_u64().and_then(|pid| u32::try_from(pid).ok())
    }

    /// Ends the node as systemd does; returns its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        signal(self.pid(), "TERM");
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As [`Node::get`], from any address; none where nobody answers.
pub(crate) fn try_get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Reads what the node says until it says where it serves; a thread writes the rest to a file.
fn addresses_of(process: &mut Child, folder: &Path) -> Vec<String> {
    let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
    let mut log =
        std::fs::File::options().create(true).append(true).open(folder.join("node.err")).expect("a log file");
    let mut addresses = Vec::new();
    for line in lines.by_ref() {
        let line = line.expect("text");
        writeln!(log, "{line}").expect("written");
        if let Some(found) = line.strip_prefix("tombolo: serving on ") {
            addresses.push(found.to_owned());
        }
        if line.contains("the API is at") {
            break;
        }
    }
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = writeln!(log, "{line}");
        }
    });
    if addresses.is_empty() {
        let said = std::fs::read_to_string(folder.join("node.err")).unwrap_or_default();
        panic!("the node did not start: {said}")
    }
    addresses
}

/// An app with one function, made for a test.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) tenant: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) on: &'static str,
    pub(crate) grants: &'static str,
    pub(crate) isolation: &'static str,
    pub(crate) wat: String,
}

impl App {
    /// Answers `text` on every path below `/NAME/`.
    pub(crate) fn saying(name: &'static str, on: &'static str, text: &str) -> App {
        App { tenant: "default", name, version: "1", on, grants: "", isolation: "tenant", wat: saying(text) }
    }

    fn write(&self) -> TempDir {
        let App { name, version, on, grants, isolation, .. } = self;
        let manifest = format!(
            "name = \"{name}\"\nversion = \"{version}\"\nisolation = \"{isolation}\"\n[functions.web]\ncomponent = \"web.wat\"\non = [\"{on}\"]\ngrants = [{grants}]\n"
        );
        crate::common::folder(&[("tombolo.toml", &manifest), ("web.wat", &self.wat)])
    }
}

/// Deploys an app with a built guest as its function `web`.
pub(crate) fn guest_app(node: &Node, tenant: &str, name: &str, guest: &Path, on: &str, grants: &str) -> Done {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1\"\n[functions.web]\ncomponent = \"{}\"\non = [\"{on}\"]\ngrants = [{grants}]\n",
        path(guest)
    );
    let folder = crate::common::folder(&[("tombolo.toml", &manifest)]);
    node.run(&["apply", "-f", path(&folder.path().join("tombolo.toml")), "--tenant", tenant])
}

/// A program that answers with this text.
pub(crate) fn saying(text: &str) -> String {
    let answer = format!("content-type: text/plain\n\n{text}");
    let escaped: String = answer.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length: String =
        (answer.len() as u32).to_le_bytes().iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(
        "(module
           (import \"wasi_snapshot_preview1\" \"fd_write\" (func $w (param i32 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1)
           (data (i32.const 0) \"\\10\\00\\00\\00{length}\")
           (data (i32.const 16) \"{escaped}\")
           (func (export \"_start\") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"
    )
}

/// A program that answers with its environment, a NUL after each variable.
pub(crate) const ENVIRONMENT: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\20\00\00\00\1a\00\00\00")
  (data (i32.const 32) "content-type: text/plain\n\n")
  (func (export "_start")
    (drop (call $sizes (i32.const 64) (i32.const 12)))
    (drop (call $environ (i32.const 128) (i32.const 65536)))
    (i32.store (i32.const 8) (i32.const 65536))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 72)))))"#;

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[track_caller]
pub(crate) fn json(done: Done) -> Value {
    serde_json::from_str(&done.exits(0).stdout).expect("JSON")
}

pub(crate) fn signal(pid: u32, name: &str) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    let signal = match name {
        "TERM" => rustix::process::Signal::TERM,
        "STOP" => rustix::process::Signal::STOP,
        "CONT" => rustix::process::Signal::CONT,
        "HUP" => rustix::process::Signal::HUP,
        "USR2" => rustix::process::Signal::USR2,
        _ => rustix::process::Signal::KILL,
    };
    // It may be gone already.
    let _ = rustix::process::kill_process(pid, signal);
}

/// Whether a process of this id runs, other than as a zombie.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
