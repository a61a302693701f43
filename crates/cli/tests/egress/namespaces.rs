//! The machine a guest runs on, and the internet around it: two network namespaces with a cable between them.
//!
//! In the internet every address is local: whatever a packet is sent to, something there receives it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::addresses::{NAME_SERVER, OWN, OWN6};
use crate::common::{TempDir, folder};

/// Set in the environment of a test that already runs in a namespace of its own.
const INSIDE: &str = "TOMBOLO_EGRESS_INSIDE";
/// What a test prints at its end there; a name that matches no test would succeed without it.
const DONE: &str = "the case ran to its end";

/// The internet's end of the cable.
const FAR_END6: &str = "2a00:1450:4000::fe";

/// Runs a test in namespaces of its own: the test's program starts itself again there.
pub(crate) fn inside<F: Fn()>(name: &str, case: F) {
    if std::env::var_os(INSIDE).is_some() {
        case();
        eprintln!("{DONE}");
        return;
    }
    if let Err(why) = output(unshare().arg("ip").arg("link")) {
        eprintln!("skipped: no network namespace can be made here: {why}");
        assert!(std::env::var_os("TOMBOLO_TEST_REQUIRE").is_none(), "cannot be tried here: {why}");
        return;
    }
    let test = std::env::current_exe().expect("this program has a path");
    let mut again = unshare();
    again.arg(test).args(["--exact", name, "--nocapture", "--test-threads=1"]).env(INSIDE, "1");
    if let Err(why) = output(&mut again).and_then(|text| text.contains(DONE).then_some(()).ok_or(text)) {
        panic!("{why}");
    }
}

/// The internet's end of the cable. It vanishes with this process.
pub(crate) struct Internet {
    process: Child,
    _resolv_conf: TempDir,
}

impl Internet {
    /// Lays the cable and connects this process' namespace with it.
    pub(crate) fn connect() -> Internet {
        // It ends when its standard input does, however this process ends.
        let mut process = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready && exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare can be started");
        let mut ready = String::new();
        BufReader::new(process.stdout.as_mut().expect("stdout was piped"))
            .read_line(&mut ready)
            .expect("the namespace is there");
        let internet = Internet { process, _resolv_conf: resolv_conf() };
        internet.lay_cable();
        // The kernel gives an interface its IPv6 addresses some time after both ends of the cable are up.
        wait_for(OWN6);
        internet.there(|| wait_for(FAR_END6));
        internet
    }

    fn lay_cable(&self) {
        let id = self.process.id().to_string();
        let here = format!(
            "link set lo up\n\
             link add wan type veth peer name net netns {id}\n\
             addr add {OWN}/24 dev wan\n\
             addr add {OWN6}/64 dev wan nodad\n\
             link set wan up\n"
        );
        let there = format!(
            "link set lo up\n\
                     addr add 8.8.4.254/24 dev net\n\
                     addr add {FAR_END6}/64 dev net nodad\n\
                     addr add fe80::1/64 dev net nodad\n\
                     link set net up\n\
                     route add local 0.0.0.0/0 dev lo\n\
                     route add local ::/0 dev lo table main\n"
        );
        let routes = format!("route add default via 8.8.4.254\nroute add ::/0 via {FAR_END6} dev wan\n");
        batch(Command::new("ip").args(["-batch", "-"]), &here);
        batch(Command::new("nsenter").args(["-t", &id, "-n", "ip", "-batch", "-"]), &there);
        batch(Command::new("ip").args(["-batch", "-"]), &routes);
    }

    /// What `make` makes there: a socket stays in the namespace in which it was made.
    pub(crate) fn there<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = File::open(format!("/proc/{}/ns/net", self.process.id())).expect("it is there");
        let thread = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("a thread can enter the internet");
            make()
        });
        thread.join().expect("the internet is furnished")
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ended = self.process.wait();
    }
}

/// As root without a user namespace, since that is how a machine's first user tries it.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--net", "--mount", "--"]);
    command
}

/// This process' own name server and hosts file; other processes keep theirs.
fn resolv_conf() -> TempDir {
    let server = format!("nameserver {NAME_SERVER}\noptions timeout:5\n");
    lay_over(&[("resolv.conf", &server), ("hosts", "127.0.0.1 localhost\n::1 localhost\n")])
}

/// Lays these files over those of `/etc`, for this process and those that it starts.
pub(crate) fn lay_over(files: &[(&str, &str)]) -> TempDir {
    let etc = folder(files);
    for (file, _) in files {
        let target = format!("/etc/{file}");
        output(Command::new("mount").arg("--bind").arg(etc.path().join(file)).arg(target))
            .expect("a file can be laid over another");
    }
    etc
}

/// Waits until an address can be used in this thread's namespace; ten seconds at most.
fn wait_for(address: &str) {
    let usable = || UdpSocket::bind((address, 0)).is_ok();
    for _ in 0..1000 {
        if usable() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{address} cannot be used");
}

fn batch(command: &mut Command, lines: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("ip can be started");
    child.stdin.take().expect("stdin was piped").write_all(lines.as_bytes()).expect("ip reads its lines");
    assert!(child.wait().expect("ip ends").success(), "ip refused one of:\n{lines}");
}

/// What a command printed to both its outputs; an error when it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let text = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)].concat();
    if status.success() { Ok(text) } else { Err(format!("{status}: {text}")) }
}
