//! The kernel's walls around the gateway.

use crate::world::{App, Node};

/// What a process without namespaces of its own can have.
const WALLS: [&str; 8] =
    ["capabilities", "landlock", "no-core", "no-new-privs", "not-dumpable", "scope", "seccomp", "tcp-ports"];

#[test]
fn the_gateway_is_locked_down_before_it_serves_and_the_node_shows_it() {
    let node = Node::start();
    node.apply(&App::saying("web", "http * /*", "hello")).exits(0);
    assert_eq!(node.get("/"), (200, "hello".into()));
    let status = node.status();
    for wall in WALLS {
        let row = &status["gateway_layers"][wall];
        let reason = || row["detail"].as_str().is_some_and(|reason| !reason.is_empty());
        assert!(row["status"] == "in-force" || row["status"] == "missing" && reason(), "{wall}: {row}");
    }
    let pid = status["gateway"].as_u64().expect("a gateway");
    let kernel = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let row = |name: &str| kernel.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
    let expected = [
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    for (name, value) in expected {
        assert_eq!(row(name), Some(value), "{name}");
    }
    let shown = node.run(&["node", "status"]).exits(0).stdout;
    let walls = shown.lines().nth(2).expect("a third line");
    let in_force = |wall: &&str| status["gateway_layers"][*wall]["status"] == "in-force";
    assert!(
        walls.starts_with("  walls: ")
            && WALLS.iter().filter(|wall| in_force(wall)).all(|wall| walls.contains(wall)),
        "{shown}"
    );
}

#[test]
fn no_path_leads_to_a_cells_requests() {
    let node = Node::start();
    node.apply(&App::saying("web", "http * /*", "hello")).exits(0);
    let cells = std::fs::read_dir(node.folder.path().join("run/cells")).expect("a folder");
    let mut kinds: Vec<_> =
        cells.map(|entry| entry.expect("an entry").path().extension().expect("a kind").to_owned()).collect();
    kinds.sort();
    assert_eq!(kinds, ["admin", "control"], "requests come by the gateway's passage alone");
}
