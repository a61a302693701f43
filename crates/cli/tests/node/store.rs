//! A service manager that keeps a node's sockets while there is no node (systemd.service(5), `FileDescriptorStoreMax=`).

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use tombolo_sandbox::recv_fds;

use crate::common::{TempDir, binary, cache, folder};
use crate::world::{App, Node, path, try_get};

/// Where descriptors are that a node inherits: contiguous, and out of the way of this process' own.
const FIRST: i32 = 500;

/// Plays the service manager.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
    kept: BTreeMap<String, Vec<OwnedFd>>,
}

impl Manager {
    fn new() -> Manager {
        let folder = folder(&[]);
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        Manager { folder, socket, kept: BTreeMap::new() }
    }

    fn notify(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// Starts a node with all that it keeps, and listens until the node is ready.
    fn start(&mut self, folder: TempDir, more: &[&str]) -> Node {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh", path(binary())]).env_clear();
        command
            .env("XDG_CACHE_HOME", cache())
            .env("PATH", "/usr/bin:/bin")
            .env("NOTIFY_SOCKET", self.notify());
        let mut names = Vec::new();
        let mut inherited = Vec::new();
        for (name, sockets) in &self.kept {
            for socket in sockets {
                let number = FIRST + i32::try_from(names.len()).expect("few");
                let inheritable = fcntl_dupfd_cloexec(socket, number).expect("a descriptor");
                assert_eq!(inheritable.as_raw_fd(), number);
                fcntl_setfd(&inheritable, FdFlags::empty()).expect("inherited");
                inherited.push(inheritable);
                names.push(name.as_str());
            }
        }
        command.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command.env("LISTEN_FDS_FIRST_FD", FIRST.to_string());
        let node = Node::spawn(command, folder, "127.0.0.1:0", more, None, binary());
        drop(inherited);
        while self.hear() != "READY=1" {}
        node
    }

    fn hear(&mut self) -> String {
        let mut bytes = [0; 1024];
        let (length, sockets) = recv_fds(&self.socket, &mut bytes).expect("a state");
        let state = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let name = state.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or_default();
        if state.contains("FDSTORE=1") {
            assert!(!sockets.is_empty());
            self.kept.entry(name.to_owned()).or_default().extend(sockets);
        }
        if state.contains("FDSTOREREMOVE=1") {
            assert!(self.kept.remove(name).is_some(), "nothing is kept under {name}");
        }
        state
    }
}

#[test]
fn sockets_outlive_a_killed_node_and_nobody_is_refused_meanwhile() {
    let mut manager = Manager::new();
    let node = manager.start(folder(&[]), &["--admin", "127.0.0.1:0"]);
    node.apply(&App::saying("web", "http * /*", "hello")).exits(0);
    let kept: Vec<_> = manager.kept.keys().cloned().collect();
    let socket = node.folder.path().join("run/api.sock");
    assert_eq!(
        kept,
        [
            "tombolo/page/127.0.0.1%3A0".to_owned(),
            "tombolo/public/127.0.0.1%3A0".to_owned(),
            format!("tombolo/socket/unix%3A{}", path(&socket)),
        ]
    );
    let (address, done) = (node.address.clone(), AtomicBool::new(false));
    let inode = |node: &Node| std::os::unix::fs::MetadataExt::ino(&socket_file(node));
    let own = inode(&node);
    let node = std::thread::scope(|scope| {
        let mut node = node;
        let client = scope.spawn(|| {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) {
                drop(std::net::TcpStream::connect(&address).expect("nobody is refused"));
                let answer = try_get(&address, "/");
                // What a killed gateway was in the middle of is lost with it.
                answers += usize::from(answer.is_some_and(|(status, _)| status == 200));
            }
            answers
        });
        for _ in 0..3 {
            let folder = node.kill();
            node = manager.start(folder, &["--admin", "127.0.0.1:0"]);
            assert_eq!(node.address, address, "the port that the kernel chose is kept too");
            node.serves("/", "hello");
        }
        done.store(true, Ordering::Relaxed);
        assert!(client.join().expect("nobody was refused") > 0);
        node
    });
    assert_eq!(inode(&node), own, "the API's socket is the one that it was");
    assert_eq!(manager.kept.len(), 3, "nothing was given twice");
    assert!(manager.kept.values().all(|sockets| sockets.len() == 1));
}

fn socket_file(node: &Node) -> std::fs::Metadata {
    std::fs::metadata(node.folder.path().join("run/api.sock")).expect("a socket")
}

#[test]
fn what_is_not_wanted_any_more_is_given_up() {
    let mut manager = Manager::new();
    let node = manager.start(folder(&[]), &["--admin", "127.0.0.1:0"]);
    let folder = node.kill();
    // The API's socket has lost its file: nobody would reach it.
    std::fs::remove_file(folder.path().join("run/api.sock")).expect("removed");
    let node = manager.start(folder, &[]);
    assert_eq!(manager.kept.keys().filter(|name| name.contains("/page/")).count(), 0);
    assert_eq!(manager.kept.len(), 2, "{:?}", manager.kept.keys());
    assert_eq!(node.status()["apps"], 0, "the API is reached at another socket");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_replaced_program_is_ready_again_and_gives_nothing_twice() {
    let mut manager = Manager::new();
    let node = manager.start(folder(&[]), &[]);
    node.apply(&App::saying("web", "http * /*", "hello")).exits(0);
    node.run(&["node", "upgrade"]).exits(0);
    assert_eq!(manager.hear(), "WATCHDOG=1");
    assert_eq!(manager.hear(), "READY=1");
    assert_eq!(manager.kept.len(), 2);
    let folder = node.kill();
    let node = manager.start(folder, &[]);
    node.serves("/", "hello");
}
