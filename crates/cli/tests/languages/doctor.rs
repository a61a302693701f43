//! `tombolo doctor`.

use serde_json::Value;

use crate::project::{Project, text};

#[test]
fn a_bare_machine_is_told_one_command_for_each_language() {
    let project = Project::of(&[], &[]);
    let home = tempfile::tempdir().unwrap();
    let mut doctor = project.tombolo(&["doctor", "--json"]);
    let output = doctor.env_clear().env("PATH", "/nowhere").env("HOME", home.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let languages = report["languages"].as_array().unwrap();
    assert_eq!(languages.len(), 8);
    let zig = languages.iter().find(|language| language["language"] == "zig").unwrap();
    assert_eq!(zig["ready"], false);
    assert_eq!(zig["parts"][0]["state"], "missing");
    assert!(!zig["parts"][0]["install"].as_str().unwrap().is_empty(), "{zig}");
}

#[test]
fn one_language_is_looked_at_alone() {
    let said = Project::of(&[], &[]).succeeds(&["doctor", "c"]);
    assert!(said.starts_with("c ") && !said.contains("rust"), "{said}");
}
