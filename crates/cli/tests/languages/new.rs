//! `tombolo new`: what it refuses, and that it never overwrites.

use crate::project::{Project, text, tombolo};

#[test]
fn a_name_that_is_a_path_and_a_folder_that_is_full_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let refused = tombolo(home.path(), &["new", "../greet", "--lang", "c"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    std::fs::create_dir(home.path().join("greet")).unwrap();
    std::fs::write(home.path().join("greet/mine"), "mine").unwrap();
    let refused = tombolo(home.path(), &["new", "greet", "--lang", "c"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    assert!(
        text(&refused).contains("greet is there already and nothing is ever overwritten"),
        "{}",
        text(&refused)
    );
    assert_eq!(std::fs::read_dir(home.path().join("greet")).unwrap().count(), 1);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, remedy) in
        [(vec!["new"], "--lang rust"), (vec!["new", "--lang", "c"], "tombolo new greet")]
    {
        let unasked = tombolo(home.path(), &arguments);
        assert_eq!(unasked.status.code(), Some(125), "{}", text(&unasked));
        assert!(
            text(&unasked).contains("not a terminal") && text(&unasked).contains(remedy),
            "{}",
            text(&unasked)
        );
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_language_without_a_template_is_told_which_there_are() {
    let home = tempfile::tempdir().unwrap();
    let refused = tombolo(home.path(), &["new", "greet", "--lang", "cobol"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    let said = text(&refused);
    assert!(said.contains("cobol") && said.contains("rust, c, cpp, go, js, ts, python, zig"), "{said}");
}

#[test]
fn a_project_in_a_new_folder_says_what_comes_next() {
    let home = tempfile::tempdir().unwrap();
    let made = text(&tombolo(home.path(), &["new", "greet", "--lang", "c"]));
    assert!(made.contains("made greet (C, http)") && made.contains("tombolo dev"), "{made}");
    let readme = std::fs::read_to_string(home.path().join("greet/README.md")).unwrap();
    assert!(readme.contains("curl http://127.0.0.1:8080/Ada"), "{readme}");
}

#[test]
fn a_missing_tool_is_named_when_a_project_is_made() {
    let home = tempfile::tempdir().unwrap();
    let project = Project::of(&[], &[]);
    let mut new = project.tombolo(&["new", "x", "--lang", "zig"]);
    let made = new.env_clear().env("PATH", "/nowhere").env("HOME", home.path()).output().unwrap();
    assert!(made.status.success(), "{}", text(&made));
    assert!(text(&made).contains("Zig 0.16 or newer is missing; install it with\n"), "{}", text(&made));
}
