//! Many deploys in a row.

use std::path::Path;

use crate::world::{App, Node};

const ON: &str = "http * /web/*";

/// Deploys; `bench/churn` does a thousand.
const DEPLOYS: usize = 60;

/// What a node holds: files, descriptors, processes and memory.
#[derive(Debug)]
struct Held {
    files: usize,
    descriptors: usize,
    processes: usize,
    memory_kib: u64,
}

impl Held {
    fn of(node: &Node) -> Held {
        let own: Vec<u32> = node.gateway().into_iter().chain([node.pid()]).collect();
        let open = |pid: &u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let memory = |pid: &u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
            line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0_u64)
        };
        Held {
            files: below(&node.state()),
            descriptors: own.iter().map(open).sum(),
            processes: node.cells().len() + own.len(),
            memory_kib: own.iter().map(memory).sum(),
        }
    }
}

/// The number of files below a folder.
fn below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { below(&entry.path()) } else { 1 }).sum()
}

#[test]
fn deploys_in_a_row_leave_no_more_than_the_revisions_that_are_kept() {
    let node = Node::start_with(&["--trial", "1ms"]);
    let deploy = |number: usize| {
        let isolation = if number.is_multiple_of(5) { "app" } else { "tenant" };
        let app = App { isolation, ..App::saying("web", ON, &format!("{number:06}")) };
        node.apply(&app).exits(0);
    };
    // As many as are kept, and everything has been used once.
    (0..25).for_each(deploy);
    node.until("one cell is left", || node.cells().len() == 1);
    let before = Held::of(&node);
    (25..25 + DEPLOYS).for_each(deploy);
    node.until("one cell is left", || node.cells().len() == 1);
    let allowed = |after: &Held| {
        after.processes <= before.processes
            && after.descriptors <= before.descriptors
            && after.memory_kib <= before.memory_kib + 8 * 1024
    };
    node.until("what was taken is given back", || allowed(&Held::of(&node)));
    let after = Held::of(&node);
    // Artifacts that came just now are kept for a while, a small program each; compiled code has a bound of its own.
    let state = |name: &str| below(&node.state().join(name));
    assert!(after.files - before.files <= 3 * DEPLOYS, "{before:?} {after:?}");
    assert_eq!(state("apps"), 1);
    assert_eq!(node.run(&["history", "web"]).exits(0).stdout.lines().count(), 20);
    assert_eq!(std::fs::read_dir(node.folder.path().join("run/cells")).expect("sockets").count(), 2);
}
