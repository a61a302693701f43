//! A new revision takes over without a request that fails, or is taken back.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::world::{App, Node};

const ON: &str = "http * /web/*";

/// A program that traps.
const TRAPS: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") unreachable))";

#[test]
fn no_request_fails_while_revisions_change() {
    let node = Node::start_with(&["--trial", "50ms"]);
    node.apply(&App::saying("web", ON, "0")).exits(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = 0;
                    while !done.load(Ordering::Relaxed) {
                        let (status, body) = node.get("/web/");
                        assert_eq!(status, 200, "{body}");
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        for text in ["1", "2", "3", "4", "5", "6"] {
            node.apply(&App::saying("web", ON, text)).exits(0);
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no request failed") > 0);
        }
    });
    assert_eq!(node.get("/web/").1, "6");
    node.until("only the last cell is left", || node.cells().len() == 1);
}

#[test]
fn stores_are_the_apps_own_and_stay_through_revisions_and_its_removal() {
    let node = Node::start();
    let store = "\"kv readings read-write\"";
    node.apply(&App { grants: store, ..App::saying("web", ON, "one") }).exits(0);
    node.apply(&App { grants: store, ..App::saying("web", ON, "two") }).exits(0);
    assert_eq!(node.get("/web/"), (200, "two".into()));
    let data = node.state().join("data/default/web");
    assert!(data.is_dir(), "both cells had it open");
    node.run(&["remove", "web"]).exits(0);
    assert!(data.is_dir(), "data is not thrown away with the program");
}

#[test]
fn a_revision_that_cannot_be_loaded_never_serves() {
    let node = Node::start();
    node.apply(&App::saying("web", ON, "good")).exits(0);
    let library = "(module (func (export \"add\") (result i32) i32.const 1))";
    let broken = App { wat: library.into(), ..App::saying("web", ON, "") };
    node.apply(&broken).exits(125).says("revision 2 failed").says("revision 1 serves");
    let missing = "(module (import \"env\" \"nothing\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))";
    let unlinkable = App { wat: missing.into(), ..App::saying("web", ON, "") };
    node.apply(&unlinkable).exits(125).says("revision 3 failed").says("revision 1 serves");
    assert_eq!(node.get("/web/"), (200, "good".into()));
    assert_eq!(node.app("web")["serving"], 1);
    assert!(node.run(&["history", "web"]).exits(0).stdout.contains("failed: "));
}

#[test]
fn a_revision_whose_first_requests_fail_is_taken_back() {
    let node = Node::start_with(&["--trial", "3s"]);
    node.apply(&App::saying("web", ON, "good")).exits(0);
    let traps = App { wat: TRAPS.into(), ..App::saying("web", ON, "") };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                node.get("/web/");
            }
        });
        let said = node.apply(&traps);
        done.store(true, Ordering::Relaxed);
        said.exits(125).says("first 3 requests all failed").says("revision 1 serves");
    });
    assert_eq!(node.get("/web/"), (200, "good".into()));
}
