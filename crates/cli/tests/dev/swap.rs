//! What is served while files change: never nothing, and never a version that does not build.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::project::{Project, is_ready};
use crate::world::{Dev, PATIENCE, answering, family, get};

const COPIED: &str = "component = \"f.wat\"\nbuild = \"cp main.wat f.wat\"\non = [\"http GET /*\"]";

/// Clients that ask all the time, each request on a connection of its own.
struct Clients {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Clients {
    fn start(dev: &Dev) -> Clients {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |_| {
            let (address, stop, answered) = (dev.address.clone(), Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match get(&address) {
                        Ok(_) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        Err(why) => return vec![why],
                    }
                }
                Vec::new()
            })
        };
        Clients { clients: (0..3).map(client).collect(), stop, answered }
    }

    /// Waits until a few more requests were answered by what serves now.
    fn go_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        while self.answered.load(Ordering::Relaxed) < before + 20
            && !self.clients.iter().all(JoinHandle::is_finished)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Every request was answered with 200; a client gives up at the first that was not.
    #[track_caller]
    fn end(mut self) {
        self.go_on();
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            assert_eq!(client.join().unwrap(), Vec::<String>::new());
        }
        assert!(self.answered.load(Ordering::Relaxed) >= 20);
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_syntax_error_and_back_drops_no_request_and_ends_on_the_last_good_version() {
    if !is_ready("c") {
        return;
    }
    let project = Project::new("c", "http");
    let dev = Dev::start(&project);
    let clients = Clients::start(&dev);
    project.edit("src/main.c", "Hello, ", "Second, ");
    dev.wait_for("swapped to the new version");
    assert_eq!(dev.body(), "Second, world!\n");

    project.edit("src/main.c", "return 0;", "return nought;");
    let (said, _) = dev.wait_for("the last good version serves on");
    assert!(said.contains("nought") && said.contains("$ clang "), "{said}");
    clients.go_on();
    assert_eq!(dev.body(), "Second, world!\n");

    project.edit("src/main.c", "return nought;", "return 0;");
    dev.wait_for("nothing changed in what is served");
    assert_eq!(dev.body(), "Second, world!\n");
    project.edit("src/main.c", "Second, ", "Third, ");
    dev.wait_for("swapped to the new version");
    assert_eq!(dev.body(), "Third, world!\n");
    clients.end();
    dev.interrupt();
}

#[test]
fn new_rights_need_a_new_server_and_drop_no_request_either() {
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let dev = Dev::start(&project);
    let clients = Clients::start(&dev);
    project.edit("tombolo.toml", "build =", "grants = [\"dir . as /here read\"]\nbuild =");
    dev.wait_for("a new server takes over");
    dev.wait_for("swapped to the new version");
    clients.go_on();
    project.write("main.wat", &answering("two"));
    dev.wait_for("swapped to the new version");
    assert_eq!(dev.body(), "two");
    clients.end();
}

#[test]
fn a_manifest_with_a_mistake_is_told_and_changes_nothing() {
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let dev = Dev::start(&project);
    project.edit("tombolo.toml", "GET /*", "GTE");
    let (said, _) = dev.wait_for("the last good version serves on");
    assert!(said.contains("tombolo.toml:6"), "{said}");
    assert_eq!(dev.body(), "one");
    project.edit("tombolo.toml", "GTE", "GET /");
    dev.wait_for("swapped to the new version");
    assert_eq!(dev.body(), "one");
}

#[test]
fn a_component_that_cannot_be_loaded_changes_nothing() {
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let dev = Dev::start(&project);
    project.write("main.wat", "(module (func (export \"_start\") (drop (i64.const 1.5))))");
    dev.wait_for("the last good version serves on");
    assert_eq!(dev.body(), "one");
    project.write("main.wat", &answering("two"));
    dev.wait_for("swapped to the new version");
    assert_eq!(dev.body(), "two");
}

#[test]
fn a_first_build_that_fails_waits_for_a_better_one() {
    let project = Project::of(&[("f", COPIED)], &[("other.wat", &answering("one"))]);
    let watching = std::thread::scope(|scope| {
        let started = scope.spawn(|| Dev::start(&project));
        while !project.folder.join(".tombolo").exists() && !started.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            project.write("main.wat", &answering("one"));
        }
        started.join().unwrap()
    });
    assert_eq!(watching.body(), "one");
}

#[test]
fn a_server_that_is_killed_is_told_and_the_next_version_answers_those_who_waited() {
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let dev = Dev::start(&project);
    let server = family(dev.child.id())[1];
    let server = Pid::from_raw(server.cast_signed()).unwrap();
    rustix::process::kill_process(server, Signal::KILL).unwrap();
    dev.wait_for("the server ended by itself: signal 9");
    let address = dev.address.clone();
    let waiting = std::thread::spawn(move || get(&address));
    project.write("main.wat", &answering("two"));
    dev.wait_for("serving http://");
    assert_eq!(waiting.join().unwrap().as_deref(), Ok("two"));
}

#[test]
fn a_session_that_is_killed_takes_its_server_along() {
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let mut dev = Dev::start(&project);
    assert_eq!(dev.body(), "one");
    let server = family(dev.child.id())[1];
    dev.child.kill().unwrap();
    dev.child.wait().unwrap();
    let begun = Instant::now();
    while is_alive(server) {
        assert!(begun.elapsed() < PATIENCE, "it lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(TcpStream::connect(&dev.address).is_err(), "nobody listens there any more");
}

/// Nobody may have waited yet for one that has ended.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_is_built() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let project = Project::of(&[("f", COPIED)], &[("main.wat", &answering("one"))]);
    let said = project.fails(125, &["dev", "--listen", &address]);
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("--listen"), "{said}");
    assert!(!project.folder.join("f.wat").exists());
}
