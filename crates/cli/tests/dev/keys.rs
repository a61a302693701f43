//! A session on a terminal: its keys, and the terminal afterwards.

use crate::project::Project;
use crate::world::{Dev, answering, family, printing};

fn function(name: &str, on: &str) -> String {
    format!("component = \"{name}.wat\"\non = [\"{on}\"]")
}

#[test]
fn keys_build_hide_send_and_quit() {
    let page = function("page", "http GET /*");
    let (tick, note) = (function("tick", "every 30s"), function("note", "mqtt notes/# qos 1"));
    let project = Project::of(
        &[("page", &page), ("tick", &tick), ("note", &note)],
        &[
            ("page.wat", &answering("one")),
            ("tick.wat", &printing("ticked\n")),
            ("note.wat", &printing("noted\n")),
        ],
    );
    let mut dev = Dev::start_on_terminal(&project);
    dev.wait_for("r build again · t send an event · l show or hide requests · q stop");
    let started = family(dev.child.id());
    assert!(started.len() >= 3, "{started:?}");

    assert_eq!(dev.body(), "one");
    dev.wait_for("page GET / 200");
    dev.press("l");
    dev.wait_for("requests are hidden");
    assert_eq!(dev.body(), "one");
    dev.press("l");
    let (said, _) = dev.wait_for("requests are shown");
    assert!(!said.contains("GET /"), "{said}");

    dev.press("r");
    dev.wait_for("nothing changed in what is served");
    dev.press("t");
    let (said, _) = dev.wait_for("2 tick");
    assert!(said.contains("1 note"), "{said}");
    dev.press("2");
    dev.wait_for("tick | ticked");
    dev.press("t1");
    dev.wait_for("note | noted");

    dev.press("q");
    let (said, settings) = dev.wait_for(" icanon ");
    assert!(!said.contains("-icanon") && settings.contains(" echo "), "{said}");
    assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    for pid in started {
        assert!(!std::path::Path::new(&format!("/proc/{pid}/exe")).exists(), "{pid} is still there");
    }
}
