//! Control groups: what a cell may use of the machine, where the machine has version 2 of them and a node may use it.

use crate::attacker::{Arg, Attacker};
use crate::world::{App, Node};

/// None where there are no control groups for this node; it then has said so.
fn with_groups(node: Node) -> Option<Node> {
    let cgroups = node.status()["cgroups"].as_str().expect("a text").to_owned();
    if cgroups.starts_with("in force") {
        return Some(node);
    }
    assert!(cgroups.starts_with("missing: "), "{cgroups}");
    assert!(node.log().contains(&format!("control groups are {cgroups}")), "{}", node.log());
    assert!(std::env::var_os("TOMBOLO_TEST_REQUIRE").is_none(), "{cgroups}");
    eprintln!("skipped: {cgroups}");
    None
}

fn group_of(pid: u32) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("a process");
    let own = text.lines().find_map(|line| line.strip_prefix("0::/")).expect("a group");
    format!("/sys/fs/cgroup/{own}")
}

fn read(group: &str, file: &str) -> String {
    std::fs::read_to_string(format!("{group}/{file}")).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_node_says_whether_its_cells_have_control_groups() {
    let node = Node::start();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    let status = node.status();
    let layer = &status["cells"][0]["layers"]["cgroup"];
    let text = node.run(&["node", "status"]).exits(0).stdout;
    let word = if with_groups(node).is_some() { "in-force" } else { "missing" };
    assert_eq!(layer["status"], word);
    assert!(layer["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    assert!(text.contains("control groups "), "{text}");
}

#[test]
fn a_cell_has_a_group_of_its_own_which_goes_with_it() {
    let Some(node) = with_groups(Node::start_with(&["--memory", "256MiB", "--trial", "50ms"])) else {
        return;
    };
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    let first = group_of(node.cells()[0]);
    assert_eq!(read(&first, "memory.max"), (512_u64 << 20).to_string());
    assert_eq!(read(&first, "memory.oom.group"), "1");
    assert_eq!(read(&first, "pids.max"), "1025");
    assert!(read(&first, "cgroup.procs").lines().count() >= 2, "the front and the cell");
    for round in 0..3 {
        node.apply(&App::saying("web", "http * /web/*", &round.to_string())).exits(0);
    }
    node.until("the old cell's group is gone", || read(&first, "pids.max").is_empty());
    let last = group_of(node.cells()[0]);
    assert_ne!(first, last);
    assert_eq!(node.stop(), Some(0));
    assert_eq!(read(&last, "pids.max"), "");
}

#[test]
fn a_taken_over_cell_that_takes_all_memory_ends_and_nobody_else() {
    let Some(node) = with_groups(Node::start_without_first_wall_with(&["--memory", "64MiB"])) else { return };
    for tenant in ["acme", "evil"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "well") }).exits(0);
    let neighbour = node.cells_of("acme");
    let attacker = Attacker::enter(&node, "evil", "");
    let mut ended = false;
    for _ in 0..64 {
        let (rights, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        let flags = i64::from(flags | libc::MAP_POPULATE);
        let arguments = [0, 64 << 20, rights.into(), flags, -1, 0].map(Arg::Number);
        if attacker.call(libc::SYS_mmap, &arguments).is_none() {
            ended = true;
            break;
        }
    }
    assert!(ended, "four gigabytes were given to a cell that may have 320 MiB");
    assert_eq!(node.get("/acme/"), (200, "well".into()));
    assert_eq!(node.cells_of("acme"), neighbour);
    let said = || node.run(&["logs", "evil", "--tenant", "evil"]).exits(0).stdout;
    node.until("it says why", || said().contains("more memory than it may have"));
}
