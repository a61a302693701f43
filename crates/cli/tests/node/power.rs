//! Processes that end in the middle, at every named point of a deploy, and a clock that is wrong by years. What a power
//! loss leaves on the disk, byte by byte, is tested beside the database.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::world::{App, Node, runs, signal};

const ON: &str = "http * /web/*";

/// Every point, with whether the process that ends there is the node itself.
const POINTS: [(&str, bool); 14] = [
    ("artifact-arrived", true),
    ("deploy-checked", true),
    ("deploy-written", true),
    ("verify-begun", false),
    ("compiler-begun", false),
    ("compiler-answered", false),
    ("verify-done", false),
    ("cell-wanted", true),
    ("cell-ordered", false),
    ("cell-loaded", false),
    ("routes-sent", true),
    ("record-wanted", true),
    ("record-written", true),
    ("gateway-begun", false),
];

#[test]
fn whoever_ends_at_any_point_of_a_deploy_what_was_good_serves_and_the_new_one_after_another_try() {
    let mut node = Node::start_with(&["--trial", "50ms"]);
    node.apply(&App::saying("web", ON, "before")).exits(0);
    node.apply(&App::saying("other", "http * /other/*", "other")).exits(0);
    let mut before = "before".to_owned();
    for (point, is_node) in POINTS {
        let app = App::saying("web", ON, point);
        let armed = node.arm(point);
        if point.starts_with("gateway") {
            signal(node.gateway().expect("a gateway"), "KILL");
        }
        let _ = node.apply(&app);
        node.until(&format!("{point} is reached"), || !armed.exists());
        if is_node {
            node.until(&format!("the node ends at {point}"), || !runs(node.pid()));
            node = node.again();
        }
        node.serves("/other/", "other");
        node.until(&format!("one of both serves after {point}"), || {
            let answer = node.try_get("/web/");
            answer.is_some_and(|(status, body)| status == 200 && (body == before || body == point))
        });
        node.apply(&app).exits(0);
        assert_eq!(node.get("/web/"), (200, point.to_owned()));
        before = point.to_owned();
    }
    node.until("nobody is left over", || node.cells().len() == 1);
    assert_eq!(node.stop(), Some(0));
}

/// Ten years, as the clock of a machine without a battery may jump.
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[test]
fn a_clock_that_is_wrong_by_ten_years_keeps_nobody_from_serving_deploying_or_cleaning_up() {
    let earlier: fn(SystemTime) -> SystemTime = |time| time - YEARS;
    let later: fn(SystemTime) -> SystemTime = |time| time + YEARS;
    for jump in [earlier, later] {
        let node = Node::start_with(&["--trial", "50ms"]);
        node.apply(&App::saying("web", ON, "one")).exits(0);
        node.apply(&App::saying("web", ON, "two")).exits(0);
        node.apply(&App::saying("gone", "http * /gone/*", "gone")).exits(0);
        node.run(&["remove", "gone"]).exits(0);
        assert_eq!(artifacts(&node), 3, "what came just now stays for a while");
        signal(node.pid(), "KILL");
        // For a disk it is the same whether the clock jumps or all that is on it comes from another time.
        set_times(&node.state(), jump);
        let node = node.again();
        node.serves("/web/", "two");
        node.run(&["rollback", "web"]).exits(0);
        assert_eq!(node.get("/web/"), (200, "one".into()));
        node.apply(&App::saying("web", ON, "three")).exits(0);
        assert_eq!(node.get("/web/"), (200, "three".into()));
        assert_eq!(artifacts(&node), 3, "those of the three revisions");
    }
}

fn artifacts(node: &Node) -> usize {
    std::fs::read_dir(node.state().join("artifacts")).expect("artifacts").count()
}

fn set_times(folder: &Path, jump: fn(SystemTime) -> SystemTime) {
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            set_times(&path, jump);
        } else {
            let file = std::fs::File::options().write(true).open(&path).expect("opened");
            file.set_modified(jump(SystemTime::now())).expect("set");
        }
    }
}
