//! `tombolo wit`.

use crate::project::{text, tombolo};

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
