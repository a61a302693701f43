//! What the cell's process has of the network, seen from outside.

use std::fs::{read_link, read_to_string};

use super::{Origin, fetcher, fetches, under};
use crate::world::{App, Node, runs, signal};

/// The process behind a cell's front, in which guests run.
fn inner(front: u32) -> u32 {
    let children = read_to_string(format!("/proc/{front}/task/{front}/children")).expect("its children");
    children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("the cell has a front")
}

#[test]
fn a_cell_with_network_grants_sits_in_an_empty_network_namespace_and_makes_no_sockets() {
    let origin = Origin::start();
    let grant = format!("http GET http://127.0.0.1:{}/*", origin.port);
    let node = under(&[&grant]);
    fetcher(&node, &[&grant]).exits(0);
    fetches(&node, origin.port);
    let cell = &node.status()["cells"][0];
    for wall in ["net", "seccomp"] {
        assert_eq!(cell["layers"][wall]["status"], "in-force", "{wall}: {cell}");
    }
    let pid = inner(node.cells()[0]);
    let status = read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    assert!(status.contains("Seccomp:\t2\n"), "{status}");
    assert_ne!(network(pid), network(node.egress().expect("a broker")), "it shares a network");
    let devices = read_to_string(format!("/proc/{pid}/net/dev")).expect("its devices");
    let names: Vec<&str> = devices.lines().skip(2).filter_map(|line| line.trim().split(':').next()).collect();
    assert_eq!(names, ["lo"], "there is more than an unused loopback");
    let own = read_to_string(format!("/proc/{pid}/net/tcp")).expect("its connections");
    assert_eq!(own.lines().count(), 1, "the connection is of another namespace: {own}");
}

#[test]
fn a_node_without_network_grants_has_no_process_for_them() {
    let node = Node::start();
    node.apply(&App::saying("web", "http * /web/*", "one")).exits(0);
    assert_eq!(node.egress(), None);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn an_ending_node_ends_its_broker() {
    let node = under(&["http GET http://127.0.0.1:9/*"]);
    fetcher(&node, &["http GET http://127.0.0.1:9/*"]).exits(0);
    node.until("a broker", || node.egress().is_some());
    let broker = node.egress().expect("a broker");
    signal(node.pid(), "TERM");
    node.until("the node has ended", || !runs(node.pid()));
    assert!(!runs(broker));
    assert!(!node.log().contains("did not end when they were told to"), "{}", node.log());
}

fn network(pid: u32) -> std::path::PathBuf {
    read_link(format!("/proc/{pid}/ns/net")).expect("its namespace")
}
