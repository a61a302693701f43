//! What a first-time user is shown.

use std::process::Command;

use crate::project::{Project, text};
use crate::world::{Dev, answering, printing};

#[test]
fn every_command_that_is_shown_can_be_typed_just_so() {
    let project = Project::of(
        &[
            ("api", "component = \"api.wat\"\non = [\"http POST /api/*\", \"http GET www.example.com/*\"]"),
            ("tick", "component = \"tick.wat\"\non = [\"cron */5 * * * *\"]"),
            ("tool", "component = \"tick.wat\""),
        ],
        &[("api.wat", &answering("one")), ("tick.wat", &printing("ticked\n"))],
    );
    let dev = Dev::start(&project);
    let (said, _) = dev.wait_for("builds again when a file below this folder changes");
    let commands: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| line.trim_start_matches("curl "))
        .collect();
    assert_eq!(commands.len(), 4, "{said}");
    for command in &commands[..3] {
        let curl = format!("curl -fsS {command}");
        let output = Command::new("sh").args(["-c", &curl]).current_dir(&project.folder).output().unwrap();
        assert!(output.status.success(), "{curl}: {}", text(&output));
    }
    dev.wait_for("tick | ticked");
    let run = commands[3].strip_prefix("tombolo ").unwrap();
    let arguments: Vec<&str> = run.split(' ').collect();
    assert_eq!(project.succeeds(&arguments), "ticked\n");
}

#[test]
fn a_project_without_triggers_is_told_how_to_run_it() {
    let project = Project::of(&[("tool", "component = \"f.wat\"\nbuild = \"cp main.wat f.wat\"")], &[]);
    project.write("main.wat", &printing("one\n"));
    let dev = Dev::watching(&project);
    dev.wait_for("tombolo run -f tombolo.toml tool");
    project.write("main.wat", &printing("two\n"));
    dev.wait_for("built tool in");
    dev.interrupt();
}
