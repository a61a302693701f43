//! What breaks in the middle: processes, files, the disk's memory of them.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use crate::world::{App, Node, runs, signal};

const ON: &str = "http * /web/*";

fn serving() -> Node {
    let node = Node::start_with(&["--trial", "50ms"]);
    node.apply(&App::saying("web", ON, "one")).exits(0);
    node
}

#[test]
fn a_killed_cell_comes_back() {
    let node = serving();
    let cells = node.cells();
    cells.iter().for_each(|pid| signal(*pid, "KILL"));
    node.serves("/web/", "one");
    assert_ne!(node.cells(), cells);
}

#[test]
fn a_killed_gateway_comes_back_and_nobody_is_refused_a_connection() {
    let node = serving();
    for _ in 0..3 {
        let gateway = node.gateway().expect("a gateway");
        signal(gateway, "KILL");
        assert!(std::net::TcpStream::connect(&node.address).is_ok(), "the node holds the socket");
        node.serves("/web/", "one");
        node.until("another gateway", || node.gateway().is_some_and(|pid| pid != gateway));
    }
}

#[test]
fn a_killed_node_takes_its_processes_along_and_comes_back_with_what_it_served() {
    let node = serving();
    let children: Vec<u32> = node.cells().into_iter().chain(node.gateway()).collect();
    signal(node.pid(), "KILL");
    node.until("nobody is left", || !children.iter().any(|pid| runs(*pid)));
    let node = node.again();
    node.serves("/web/", "one");
    assert_eq!(node.app("web")["serving"], 1);
}

#[test]
fn a_node_killed_at_any_moment_of_a_deploy_serves_one_of_both_and_then_the_new_one() {
    let mut node = serving();
    for (round, wait_ms) in [0, 5, 10, 20, 40, 80, 120, 200].into_iter().enumerate() {
        let text = format!("{round}-{wait_ms}");
        let app = App::saying("web", ON, &text);
        std::thread::scope(|scope| {
            let deploy = scope.spawn(|| node.apply(&app));
            std::thread::sleep(Duration::from_millis(wait_ms));
            signal(node.pid(), "KILL");
            drop(deploy.join());
        });
        node = node.again();
        node.until("some revision serves", || node.try_get("/web/").is_some_and(|(status, _)| status == 200));
        node.apply(&app).exits(0);
        assert_eq!(node.get("/web/"), (200, text));
    }
}

#[test]
fn a_broken_state_database_is_put_aside_and_the_last_good_apps_serve() {
    let node = serving();
    signal(node.pid(), "KILL");
    std::thread::sleep(Duration::from_millis(100));
    let _ = std::fs::remove_file(node.state().join("state.db-wal"));
    let mut file = OpenOptions::new().write(true).open(node.state().join("state.db")).expect("opened");
    file.seek(SeekFrom::Start(0)).expect("sought");
    file.write_all(&[0x5a; 8192]).expect("broken");
    drop(file);
    let node = node.again();
    node.serves("/web/", "one");
    node.until("it says so", || node.log().contains("the state database was broken"));
    node.apply(&App::saying("web", ON, "two")).exits(0);
}

#[test]
fn compiled_code_that_was_changed_is_made_again() {
    let node = serving();
    for entry in std::fs::read_dir(node.state().join("compiled")).expect("a cache") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|end| end == "code") {
            let mut file = OpenOptions::new().write(true).open(&path).expect("opened");
            file.seek(SeekFrom::Start(100)).expect("sought");
            file.write_all(b"something else").expect("changed");
        }
    }
    let node = node.again();
    node.serves("/web/", "one");
}

#[test]
fn an_artifact_that_was_changed_does_not_run_and_does_not_keep_others_down() {
    let node = serving();
    node.apply(&App::saying("other", "http * /other/*", "other")).exits(0);
    let digests = std::fs::read_dir(node.state().join("artifacts")).expect("artifacts");
    let damaged = digests
        .map(|entry| entry.expect("readable").path())
        .find(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\\6f\\6e\\65\")")))
        .expect("the artifact that says one");
    std::fs::write(&damaged, "(module)").expect("changed");
    let _ = std::fs::remove_dir_all(node.state().join("compiled"));
    let node = node.again();
    node.serves("/other/", "other");
    node.until("it says why", || {
        node.app("web")["reason"].as_str().is_some_and(|why| why.contains("damaged"))
    });
    assert_eq!(node.get("/web/").0, 404);
}

#[test]
fn many_deploys_leave_nothing_behind() {
    let node = Node::start_with(&["--trial", "1ms"]);
    let open =
        |node: &Node| std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its descriptors").count();
    node.apply(&App::saying("web", ON, "0")).exits(0);
    node.apply(&App::saying("web", ON, "1")).exits(0);
    node.until("the first cell is gone", || node.cells().len() == 1);
    let before = open(&node);
    for round in 2..40 {
        node.apply(&App::saying("web", ON, &round.to_string())).exits(0);
    }
    node.until("old cells are gone", || node.cells().len() == 1);
    node.until("no descriptor is left open", || open(&node) <= before);
    let sockets = std::fs::read_dir(node.folder.path().join("run/cells")).expect("sockets").count();
    assert_eq!(sockets, 2);
    assert_eq!(node.run(&["history", "web"]).exits(0).stdout.lines().count(), 20);
}

#[test]
fn an_ending_node_answers_what_has_begun() {
    let node = serving();
    let cells = node.cells();
    assert_eq!(node.stop(), Some(0));
    assert!(!cells.iter().any(|pid| runs(*pid)));
}

#[test]
fn a_full_disk_refuses_what_is_new_and_lets_everybody_go_back() {
    let Some(node) = Node::start_on_small_disk(8) else {
        assert!(std::env::var_os("TOMBOLO_TEST_REQUIRE").is_none(), "no small disk can be mounted here");
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    node.apply(&App::saying("web", ON, "one")).exits(0);
    node.apply(&App::saying("web", ON, "two")).exits(0);
    let full = node.fill_disk();
    let refused = node.apply(&App::saying("web", ON, "three")).exits(125);
    assert!(refused.stderr.contains("full") || refused.stderr.contains("No space"), "{}", refused.stderr);
    assert_eq!(node.get("/web/"), (200, "two".into()));
    node.run(&["rollback", "web"]).exits(0).prints("web: revision 1 serving\n");
    assert_eq!(node.get("/web/"), (200, "one".into()));

    signal(node.pid(), "KILL");
    let node = node.again();
    node.serves("/web/", "one");
    std::fs::remove_file(full).expect("removed");
    node.apply(&App::saying("web", ON, "three")).exits(0);
    assert_eq!(node.get("/web/"), (200, "three".into()));
}

#[test]
fn systemd_is_told_when_the_node_is_ready_alive_and_ending() {
    let folder = crate::common::folder(&[]);
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let mut command = crate::common::tombolo(["node", "--listen", "127.0.0.1:0", "--state"]);
    command.arg(folder.path().join("state")).arg("--runtime").arg(folder.path().join("run"));
    let node = command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "100000").env("HOME", folder.path());
    let mut node = node.stderr(std::process::Stdio::null()).spawn().expect("it starts");
    let hear = || loop {
        let mut state = [0; 64];
        let length = socket.recv(&mut state).expect("a state");
        let state = String::from_utf8_lossy(&state[..length]).into_owned();
        if !state.starts_with("FDSTORE") {
            break state;
        }
    };
    assert_eq!(hear(), "READY=1");
    assert_eq!([hear(), hear(), hear()], ["WATCHDOG=1"; 3]);
    signal(node.id(), "TERM");
    while hear() == "WATCHDOG=1" {}
    assert_eq!(node.wait().expect("it ends").code(), Some(0));
}
