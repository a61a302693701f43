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
fn an_app_may_have_a_process_of_its_own_and_change_its_mind_without_a_request_lost() {
    let node = Node::start_with(&["--trial", "50ms"]);
    node.apply(&App::saying("web", "http * /web/*", "web")).exits(0);
    node.apply(&App::saying("api", "http * /api/*", "0")).exits(0);
    node.until("both share a process", || node.cells().len() == 1);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(node.get("/web/"), (200, "web".into()));
                assert_eq!(node.get("/api/").0, 200);
            }
        });
        for (round, isolation) in ["app", "tenant", "app"].into_iter().enumerate() {
            let text = (round + 1).to_string();
            let app = App { isolation, ..App::saying("api", "http * /api/*", &text) };
            node.apply(&app).exits(0);
            assert_eq!(node.get("/api/"), (200, text));
            let processes = if isolation == "app" { 2 } else { 1 };
            node.until("each app is where it belongs", || node.cells().len() == processes);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        asking.join().expect("every request was answered");
    });
    let apps_of =
        |cell: &serde_json::Value| cell["apps"].as_object().map(|apps| apps.keys().cloned().collect());
    let status = node.status();
    let mut apps: Vec<Vec<String>> =
        status["cells"].as_array().expect("cells").iter().filter_map(apps_of).collect();
    apps.sort();
    assert_eq!(apps, [["api"], ["web"]]);
    node.run(&["invoke", "api/web", "--data", "{}"]).exits(0);
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
