//! Another program in the place of the node's, while it serves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::common::{Done, binary, finish, tombolo};
use crate::world::{App, Node, path, runs, signal, try_get};

const ON: &str = "http * /web/*";

fn serving(more: &[&str]) -> Node {
    let node = Node::start_with(&[&["--trial", "50ms"], more].concat());
    node.apply(&App::saying("web", ON, "1")).exits(0);
    node
}

fn upgrade(node: &Node, program: &Path) -> Done {
    node.run(&["node", "upgrade", path(program)])
}

fn upgrades(node: &Node) -> u64 {
    node.status()["upgrades"].as_u64().expect("a number")
}

/// The node's children.
fn children(node: &Node) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", node.pid())).expect("its threads");
    let of_thread = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("children"));
    let text: String = threads.flatten().filter_map(|thread| of_thread(thread).ok()).collect();
    text.split_whitespace().map(|pid| pid.parse().expect("a number")).collect()
}

/// A file that can be executed.
fn script(node: &Node, name: &str, text: &str) -> PathBuf {
    let path = node.folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// A program that says of itself that it is of this version.
fn of_version(node: &Node, version: &str, handover: u32) -> PathBuf {
    let fit = format!("{{\"version\":\"{version}\",\"handover\":{handover}}}");
    let text = format!(
        "#!/bin/sh\nfor last; do :; done\nif [ \"$last\" = --check ]; then echo '{fit}'; exit; fi\nexec {} \"$@\"\n",
        path(binary())
    );
    script(node, &format!("tombolo-{version}-{handover}"), &text)
}

/// Asks on a connection for each request.
fn ask(address: &str, path: &str, done: &AtomicBool) -> usize {
    let mut answers = 0;
    while !done.load(Ordering::Relaxed) {
        assert_eq!(try_get(address, path), Some((200, "1".into())), "after {answers} answers");
        answers += 1;
    }
    answers
}

/// Asks on one connection as long as the server keeps it, and then on another.
fn ask_on(address: &str, path: &str, done: &AtomicBool) -> usize {
    let mut answers = 0;
    while !done.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).expect("connected");
        while !done.load(Ordering::Relaxed) {
            write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
            answers += 1;
            if head(&mut stream, path).contains("connection: close") {
                break;
            }
        }
    }
    answers
}

/// Reads an answer with a body of one byte; gives its head.
fn head(stream: &mut TcpStream, path: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        let read = stream.read_exact(&mut byte);
        read.unwrap_or_else(|error| panic!("no answer on {path}: {error}, after {bytes:?}"));
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).expect("ASCII").to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: 1\r\n"), "{head}");
    stream.read_exact(&mut [0]).expect("a body");
    head
}

#[test]
fn nobody_is_refused_and_no_request_fails_while_the_program_is_replaced() {
    let node = serving(&["--listen", "127.0.0.1:0=acme"]);
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App { tenant: "acme", ..App::saying("own", "http * /own/*", "1") }).exits(0);
    let own = node.own_address("acme");
    node.until("its cell has the tenant's listener", || {
        try_get(own, "/own/").is_some_and(|(status, _)| status == 200)
    });
    let before = node.status();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = [
            scope.spawn(|| ask(&node.address, "/web/", &done)),
            scope.spawn(|| ask(&node.address, "/web/", &done)),
            scope.spawn(|| ask_on(&node.address, "/web/", &done)),
            scope.spawn(|| ask_on(&node.address, "/web/", &done)),
            scope.spawn(|| ask(own, "/own/", &done)),
            scope.spawn(|| ask_on(own, "/own/", &done)),
        ];
        for version in ["2.0.0", "3.0.0", "4.0.0"] {
            let program = of_version(&node, version, 1);
            let said = format!("tombolo {version} has taken the place of {}\n", env!("CARGO_PKG_VERSION"));
            upgrade(&node, &program).exits(0).prints(&said);
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no request failed") > 0);
        }
    });
    let after = node.status();
    assert_eq!((&after["pid"], &after["listen"]), (&before["pid"], &before["listen"]));
    assert_ne!(after["gateway"], before["gateway"]);
    assert_eq!((upgrades(&node), node.cells().len()), (3, 2));
    let cells = |status: &serde_json::Value| -> Vec<u64> {
        let cells = status["cells"].as_array().expect("a list").iter();
        cells.filter_map(|cell| cell["cell"].as_u64()).collect()
    };
    assert!(!cells(&after).iter().any(|cell| cells(&before).contains(cell)), "no number is used twice");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_program_that_could_not_be_this_node_is_refused_and_nothing_changes() {
    let node = serving(&[]);
    let before = (node.gateway(), node.cells());
    let missing = node.folder.path().join("missing");
    upgrade(&node, &missing).exits(125).says("No such file");
    let plain = node.folder.path().join("plain");
    std::fs::write(&plain, "no program").expect("written");
    upgrade(&node, &plain).exits(125).says("Permission denied");
    upgrade(&node, &script(&node, "garbage", "\u{7f}ELF, but no more")).exits(125);
    upgrade(&node, &script(&node, "broken", "#!/bin/sh\necho the loader says no >&2\nexit 127\n"))
        .exits(125)
        .says("broken could not be this node: the loader says no");
    upgrade(&node, Path::new("/bin/echo")).exits(125).says("it is another program");
    upgrade(&node, &of_version(&node, "9.0.0", 9)).exits(125).says("restart the node instead");
    let ceiling = node.folder.path().join("config/ceiling.toml");
    std::fs::create_dir_all(ceiling.parent().expect("a folder")).expect("a folder");
    std::fs::write(&ceiling, "grants = [\"fly\"]").expect("written");
    upgrade(&node, binary()).exits(125).says("could not be this node").says("ceiling.toml");
    std::fs::remove_file(&ceiling).expect("removed");
    assert_eq!((node.gateway(), node.cells()), before);
    assert_eq!(upgrades(&node), 0);
    assert_eq!(node.get("/web/"), (200, "1".into()));
    upgrade(&node, binary()).exits(0);
    assert_eq!(upgrades(&node), 1);
}

#[test]
fn a_program_that_the_kernel_does_not_begin_leaves_the_node_as_it_was() {
    let node = serving(&[]);
    let shell = node.folder.path().join("shell");
    std::fs::copy("/bin/sh", &shell).expect("copied");
    let fit = "echo '{\"version\":\"9.0.0\",\"handover\":1}'";
    // It answers when it is asked, and can't begin after that.
    let vanishing = format!("#!{}\nrm {}\n{fit}\n", path(&shell), path(&shell));
    upgrade(&node, &script(&node, "vanishing", &vanishing)).exits(125).says("vanishing: No such file");
    node.until("those before the attempt have left", || node.status()["leaving"] == 0);
    assert_eq!((upgrades(&node), node.get("/web/")), (0, (200, "1".into())));
    // It is another one when it is to begin.
    let changing = node.folder.path().join("changing");
    let text = format!("#!/bin/sh\n{fit}\necho >> {}\n", path(&changing));
    upgrade(&node, &script(&node, "changing", &text)).exits(125).says("was changed while it was looked at");
    upgrade(&node, binary()).exits(0);
    assert_eq!((upgrades(&node), node.get("/web/")), (1, (200, "1".into())));
}

#[test]
fn what_has_begun_is_answered_by_those_who_began_it() {
    let node = serving(&[]);
    let app = App { wat: READS_ALL.into(), ..App::saying("slow", "http POST /slow/*", "") };
    node.apply(&app).exits(0);
    node.until("one cell is left", || node.cells().len() == 1);
    let mut stream = TcpStream::connect(&node.address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
        .write_all(b"POST /slow/ HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\nconnection: close\r\n\r\nhalf")
        .expect("sent");
    let cells = node.cells();
    std::thread::scope(|scope| {
        let upgrading = scope.spawn(|| upgrade(&node, binary()));
        node.until("the program was replaced", || upgrades(&node) == 1);
        node.until("new cells serve", || node.status()["gateway"].is_number());
        assert_eq!(node.get("/web/"), (200, "1".into()));
        assert!(cells.iter().all(|cell| runs(*cell)), "they are in the middle of an answer");
        upgrade(&node, binary()).exits(125).says("still answer what they have begun");
        stream.write_all(b"done").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("read"), "{answer}");
        upgrading.join().expect("it ends").exits(0);
    });
    assert!(!cells.iter().any(|cell| runs(*cell)));
    node.until("what they logged is there", || {
        node.run(&["logs", "slow"]).stdout.contains("\"function\":\"slow/web\"")
    });
}

/// Reads all of its input, and says that it has.
const READS_ALL: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\01\00\00\00\01\00\00")
  (data (i32.const 16) "\20\00\00\00\1e\00\00\00")
  (data (i32.const 32) "content-type: text/plain\n\nread")
  (func (export "_start")
    (loop $more
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.load (i32.const 8))))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn a_deploy_during_a_replacement_is_not_lost() {
    let node = serving(&[]);
    for (round, wait_ms) in [0, 5, 20, 50, 100, 200, 400].into_iter().enumerate() {
        let text = format!("deploy {round}");
        std::thread::scope(|scope| {
            let upgrading = scope.spawn(|| upgrade(&node, binary()));
            std::thread::sleep(Duration::from_millis(wait_ms));
            node.apply(&App::saying("web", ON, &text)).exits(0);
            assert_eq!(node.get("/web/"), (200, text.clone()));
            upgrading.join().expect("it ends").exits(0);
        });
        assert_eq!(node.get("/web/"), (200, text));
    }
    assert_eq!(node.run(&["history", "web"]).exits(0).stdout.lines().count(), 8);
}

#[test]
fn tokens_tenants_and_revisions_are_as_before() {
    let node = serving(&["--api", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    node.apply(&App::saying("web", ON, "2")).exits(0);
    node.run(&["tenant", "add", "acme"]).exits(0);
    let token = node.run(&["token", "create", "default", "--role", "read"]).exits(0).stdout;
    let page = node
        .log()
        .lines()
        .find_map(|line| line.strip_prefix("tombolo: the page is at http://").map(str::to_owned));
    let page = page.expect("a page").trim_end_matches('/').to_owned();
    let history = node.run(&["history", "web"]).exits(0).stdout;
    signal(node.pid(), "USR2");
    node.until("the program was replaced", || upgrades(&node) == 1);
    node.until("all is as it was", || node.run(&["history", "web"]).exits(0).stdout == history);
    assert!(node.run(&["tenant", "list"]).exits(0).stdout.contains("acme"));
    let mut stream = TcpStream::connect(&page).expect("the page is where it was");
    let request = format!(
        "GET /v1/caller HTTP/1.1\r\nhost: {page}\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        token.trim()
    );
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"role\":\"read\""), "{answer}");
    node.run(&["rollback", "web"]).exits(0);
    assert_eq!(node.get("/web/"), (200, "1".into()));
}

#[test]
fn a_node_killed_in_the_middle_of_a_replacement_comes_back_with_what_it_served() {
    let mut node = serving(&[]);
    for point in ["upgrade-leaving", "upgrade-entered"] {
        let relatives = children(&node);
        let armed = node.arm(point);
        signal(node.pid(), "USR2");
        node.until(&format!("{point} is reached"), || !armed.exists());
        node.until("nobody is left", || !relatives.iter().chain([&node.pid()]).any(|pid| runs(*pid)));
        node = node.again();
        node.serves("/web/", "1");
    }
}

#[test]
fn a_node_told_to_end_while_its_program_is_replaced_ends_in_good_order() {
    let node = serving(&[]);
    let before = children(&node);
    signal(node.pid(), "USR2");
    node.until("the program was replaced", || upgrades(&node) == 1);
    let all = [before, children(&node)].concat();
    assert_eq!(node.stop(), Some(0));
    assert!(!all.iter().any(|pid| runs(*pid)));
}

#[test]
fn what_is_no_estate_is_refused() {
    for (handover, why) in [("none", "it is no number"), ("0", "EOF"), ("999", "No such file")] {
        let mut command = tombolo(["node", "--state", "/nonexistent"]);
        finish(command.env("TOMBOLO_HANDOVER", handover), b"").exits(125).says("TOMBOLO_HANDOVER").says(why);
    }
}

/// Descriptors, processes and memory of a node.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    children: usize,
    memory_kib: u64,
}

impl Held {
    fn of(node: &Node) -> Held {
        let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("its status");
        let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
        Held {
            descriptors: std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("descriptors").count(),
            children: children(node).len(),
            memory_kib: memory.split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a number"),
        }
    }
}

#[test]
fn replacements_leave_no_descriptor_process_or_memory_behind() {
    let node = serving(&[]);
    upgrade(&node, binary()).exits(0);
    let at_rest = |node: &Node| (node.cells().len() == 1).then(|| Held::of(node));
    let before = at_rest(&node).expect("one cell");
    let of_cell = |node: &Node| -> Vec<String> {
        let inner = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", node.cells()[0]));
        let cell = inner.expect("its own").trim().to_owned();
        let open = std::fs::read_dir(format!("/proc/{cell}/fd")).expect("its descriptors").flatten();
        let mut open: Vec<_> = open
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .map(|target| {
                target.to_string_lossy().split(':').next().unwrap_or_default().replace(&cell, "PID")
            })
            .collect();
        open.sort();
        open
    };
    let cell = of_cell(&node);
    for _ in 0..20 {
        upgrade(&node, binary()).exits(0);
    }
    node.until("as much is held as before", || {
        at_rest(&node).is_some_and(|after| {
            after.descriptors <= before.descriptors
                && after.children <= before.children
                && after.memory_kib <= before.memory_kib + 2 * 1024
        })
    });
    assert_eq!(of_cell(&node), cell, "a cell holds what it held");
    assert_eq!(node.get("/web/"), (200, "1".into()));
    assert_eq!(upgrades(&node), 21);
}
