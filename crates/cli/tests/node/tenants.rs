//! Many tenants on one node, and who may ask it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::world::{App, Node, path, runs, signal};

#[test]
fn each_tenant_has_a_process_of_its_own() {
    let node = Node::start();
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App::saying("web", "http * /web/*", "mine")).exits(0);
    let theirs = App { tenant: "acme", ..App::saying("web", "http * /acme/*", "theirs") };
    node.apply(&theirs).exits(0);
    assert_eq!(node.get("/web/"), (200, "mine".into()));
    assert_eq!(node.get("/acme/"), (200, "theirs".into()));
    assert_eq!(node.cells().len(), 2);
    let taken = App { tenant: "acme", ..App::saying("thief", "http * /web/*", "stolen") };
    node.apply(&taken).exits(125).says("is taken by another tenant");
}

#[test]
fn a_tenants_ceiling_binds_its_apps_alone() {
    let node = Node::start();
    let ceiling = crate::common::folder(&[("acme.toml", "grants = []\n")]);
    node.run(&["tenant", "add", "acme", "--ceiling", path(&ceiling.path().join("acme.toml"))]).exits(0);
    let app = App { grants: "\"env A=1\"", ..App::saying("web", "http * /web/*", "one") };
    node.apply(&App { tenant: "acme", ..app.clone() }).exits(125).says("the ceiling of this tenant");
    node.apply(&app).exits(0);
}

#[test]
fn a_cell_that_is_killed_again_and_again_leaves_the_others_alone() {
    let node = Node::start();
    node.run(&["tenant", "add", "acme"]).exits(0);
    node.apply(&App::saying("web", "http * /web/*", "mine")).exits(0);
    let mine = node.cells();
    node.apply(&App { tenant: "acme", ..App::saying("web", "http * /acme/*", "theirs") }).exits(0);
    for _ in 0..5 {
        node.serves("/acme/", "theirs");
        node.cells().into_iter().filter(|pid| !mine.contains(pid)).for_each(|pid| signal(pid, "KILL"));
        assert_eq!(node.get("/web/"), (200, "mine".into()));
    }
    node.serves("/acme/", "theirs");
    assert!(mine.iter().all(|pid| runs(*pid)), "the other tenant's process was not touched");
}

#[test]
fn pages_and_other_hosts_do_not_reach_the_api() {
    let node = Node::start();
    let ask = |more: &str| {
        let mut stream = UnixStream::connect(node.folder.path().join("run/api.sock")).expect("connected");
        write!(stream, "GET /v1/apps HTTP/1.1\r\n{more}connection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(ask("host: tombolo\r\n"), "200");
    assert_eq!(ask("host: localhost\r\n"), "200");
    assert_eq!(ask("host: evil.example\r\n"), "403");
    assert_eq!(ask(""), "403", "nobody says who is meant");
    assert_eq!(ask("host: tombolo\r\norigin: https://evil.example\r\n"), "403");
}
