//! A tenant that takes what it can get: its neighbour is answered all the time, and all comes back. How much slower the
//! neighbour is meanwhile, `bench/neighbours` measures.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::attacker::{Arg, Attacker};
use crate::flood::answered_before;
use crate::world::{App, Node, signal};

/// Requests of the neighbour during an attack.
const ASKED: usize = 40;

/// A guest that never comes back.
const SPIN: &str =
    "(module (memory (export \"memory\") 1) (func (export \"_start\") (loop $more (br $more))))";

/// A guest that takes and uses all memory that it gets, and then holds it.
const HOG: &str = "(module (memory (export \"memory\") 1)
   (func (export \"_start\") (local $at i32)
     (loop $more
       (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then
         (local.set $at (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 0x100000)))
         (memory.fill (local.get $at) (i32.const 1) (i32.const 0x100000))
         (br $more))))
     (loop $hold (br $hold))))";

/// A guest that fails.
const TRAP: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") unreachable))";

/// A guest that writes log lines without end.
const STORM: &str = "(module
   (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
   (memory (export \"memory\") 2)
   (data (i32.const 0) \"\\10\\00\\00\\00\\00\\00\\01\\00\")
   (func (export \"_start\")
     (memory.fill (i32.const 16) (i32.const 120) (i32.const 65535))
     (i32.store8 (i32.const 65551) (i32.const 10))
     (loop $more (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) (br $more))))";

/// A neighbour, and a greedy one with this guest.
fn node_with(wat: &str) -> Node {
    let node = Node::start_with(&["--trial", "20ms", "--memory", "64MiB"]);
    for tenant in ["acme", "greedy"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "well") }).exits(0);
    let greedy = App::saying("web", "http * /greedy/*", "");
    node.apply(&App { tenant: "greedy", wat: wat.to_owned(), ..greedy }).exits(0);
    node
}

/// Asks the neighbour again and again while `attack` goes on; then everything must come back.
fn answers_beside(node: &Node, attack: impl Fn() + Sync) {
    assert_eq!(node.get("/acme/"), (200, "well".into()));
    let neighbour = node.cells_of("acme");
    let before = Held::of(node);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                attack();
            }
        });
        for _ in 0..ASKED {
            assert_eq!(node.get("/acme/"), (200, "well".into()));
        }
        assert!(node.run(&["apps"]).exits(0).stdout.contains("acme"), "the node answers too");
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(node.cells_of("acme"), neighbour, "its process was not touched");
    node.until("all is given back", || Held::of(node).is_within(&before));
}

/// What the processes of a node hold.
#[derive(Debug)]
struct Held {
    processes: usize,
    descriptors: usize,
}

impl Held {
    fn of(node: &Node) -> Held {
        let all: Vec<u32> = node.cells().into_iter().chain(node.gateway()).chain([node.pid()]).collect();
        let open = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        Held { processes: all.len(), descriptors: all.iter().map(open).sum() }
    }

    /// Connections that are kept for later requests stay for a while: one for each of a few cells.
    fn is_within(&self, before: &Held) -> bool {
        self.processes <= before.processes && self.descriptors <= before.descriptors + 16
    }
}

/// Requests to the greedy tenant that nobody waits for; they end when this is dropped.
fn requests(node: &Node, count: usize) -> Vec<TcpStream> {
    let request = b"GET /greedy/ HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let begin = || {
        let mut stream = TcpStream::connect(&node.address).ok()?;
        stream.write_all(request).ok()?;
        Some(stream)
    };
    (0..count).filter_map(|_| begin()).collect()
}

fn hold(node: &Node, count: usize) {
    let held = requests(node, count);
    std::thread::sleep(std::time::Duration::from_millis(300));
    drop(held);
}

#[test]
fn a_tenant_that_computes_without_end_leaves_the_others_answering() {
    let node = node_with(SPIN);
    answers_beside(&node, || hold(&node, 32));
}

#[test]
fn a_tenant_that_takes_all_memory_leaves_the_others_answering() {
    let node = node_with(HOG);
    answers_beside(&node, || hold(&node, 16));
}

#[test]
fn a_tenant_whose_requests_all_fail_leaves_the_others_answering() {
    let node = node_with(TRAP);
    answers_beside(&node, || drop(node.try_get("/greedy/")));
}

#[test]
fn a_tenant_that_logs_without_end_leaves_the_others_answering() {
    let node = node_with(STORM);
    answers_beside(&node, || hold(&node, 8));
}

#[test]
fn who_is_already_there_does_not_wait_for_a_flood_of_newcomers() {
    let node = node_with(TRAP);
    let gateway = node.gateway().expect("a gateway");
    let (stop, go_on) = (|| signal(gateway, "STOP"), || signal(gateway, "CONT"));
    let (answered, newcomers) = answered_before(&node.address, ["/acme/", "/greedy/"], stop, go_on);
    assert!(answered < newcomers / 2, "{answered} of {newcomers} newcomers were answered before");
}

#[test]
fn ten_thousand_connections_to_a_tenant_leave_the_others_answering() {
    raise_open_files();
    let node = node_with(SPIN);
    let held: Vec<TcpStream> = (0..10_000).filter_map(|_| TcpStream::connect(&node.address).ok()).collect();
    assert_eq!(held.len(), 10_000);
    for _ in 0..3 {
        assert_eq!(node.get("/acme/"), (200, "well".into()));
    }
    drop(held);
    answers_beside(&node, || hold(&node, 200));
}

#[test]
fn a_taken_over_cell_that_logs_without_end_leaves_the_node_answering() {
    let node = Node::start_without_first_wall();
    for tenant in ["acme", "evil"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "well") }).exits(0);
    let attacker = Attacker::enter(&node, "evil", "");
    let line = [&[b'x'; 100_000][..], b"\n"].concat();
    let arguments = [Arg::Number(2), Arg::Bytes(&line), Arg::Number(line.len() as i64)];
    answers_beside(&node, || attacker.try_call(libc::SYS_write, &arguments));
}

#[test]
fn a_taken_over_cell_that_ends_itself_again_and_again_leaves_the_others_answering() {
    let node = Node::start_without_first_wall();
    for tenant in ["acme", "evil"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "well") }).exits(0);
    let attacker = Attacker::enter(&node, "evil", "");
    answers_beside(&node, || attacker.try_call(libc::SYS_exit_group, &[Arg::Number(1)]));
}

/// Each connection is two descriptors of the machine, one of them here.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("as many as are allowed");
}
