//! `tombolo wit`.

use std::process::Command;

use crate::project::{is_ready, text, tombolo};

#[test]
fn a_changed_file_is_kept() {
    let home = tempfile::tempdir().unwrap();
    assert!(tombolo(home.path(), &["wit"]).status.success());
    assert!(tombolo(home.path(), &["wit"]).status.success());
    let worlds = home.path().join("wit/worlds.wit");
    std::fs::write(&worlds, "mine").unwrap();
    assert_eq!(tombolo(home.path(), &["wit"]).status.code(), Some(125));
    assert_eq!(std::fs::read_to_string(&worlds).unwrap(), "mine");
    assert!(tombolo(home.path(), &["wit", "--force"]).status.success());
}

#[test]
fn every_interface_is_listed() {
    let home = tempfile::tempdir().unwrap();
    let listed = text(&tombolo(home.path(), &["wit", "--list"]));
    for package in ["wasi:http@0.2.12", "wasi:http@0.3.0", "wasi:keyvalue@", "wasi:config@", "wasi:logging@"]
    {
        assert!(listed.contains(package), "no {package} in:\n{listed}");
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

/// componentize-py is not on PATH where only the project's scripts brought it; build lines find it.
#[test]
fn a_bindings_generator_takes_every_world() {
    if !is_ready("python") {
        return;
    }
    let worlds = ["imports-p2", "http-p2", "command-p2", "imports-p3", "http-p3", "command-p3"];
    let home = tempfile::tempdir().unwrap();
    assert!(tombolo(home.path(), &["wit"]).status.success());
    let report = tombolo(home.path(), &["doctor", "--json", "python"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let generator = report["languages"][0]["parts"][0]["path"].as_str().unwrap();
    for world in worlds {
        let mut bindings = Command::new(generator);
        let output =
            bindings.args(["-d", "wit", "-w", world, "bindings", world]).current_dir(home.path()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{world}: {}", text(&output));
    }
}
