//! From an empty folder to a tested function, in each language, with that language's own tools.
//!
//! A language whose tools are not here is skipped, or fails where `TOMBOLO_TEST_REQUIRE=all` is set. C is tried in
//! every run, the others where `TOMBOLO_TEST_LANGUAGES=all` is set.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder with one project in it.
struct Project {
    _home: tempfile::TempDir,
    folder: PathBuf,
}

impl Project {
    fn new(language: &str, kind: &str) -> Project {
        let home = tempfile::tempdir().unwrap();
        let made = tombolo(home.path(), &["new", "greet", "--lang", language, "--kind", kind]);
        assert!(made.status.success(), "{}", text(&made));
        let folder = home.path().join("greet");
        Project { _home: home, folder }
    }

    #[track_caller]
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = tombolo(&self.folder, arguments);
        assert!(
            output.status.success(),
            "tombolo {arguments:?} in {}:\n{}",
            self.folder.display(),
            text(&output)
        );
        text(&output)
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = tombolo(&self.folder, arguments);
        assert_eq!(output.status.code(), Some(1), "tombolo {arguments:?}:\n{}", text(&output));
        text(&output)
    }

    /// Replaces a part of a file, which must be there.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{file} has no {from:?}");
        std::fs::write(&path, before.replace(from, to)).unwrap();
    }
}

fn tombolo(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
    command.args(arguments).current_dir(folder).env_remove("CARGO_TARGET_DIR").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether the language's tools are here.
fn is_ready(language: &str) -> bool {
    let report = tombolo(Path::new("/"), &["doctor", "--json", language]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let ready = report["languages"][0]["ready"].as_bool().unwrap();
    if !ready {
        let required = std::env::var("TOMBOLO_TEST_REQUIRE").is_ok_and(|require| require == "all");
        assert!(!required, "{language} cannot be built here: {report}");
        eprintln!("skipped: {language} cannot be built here: {report}");
    }
    ready
}

/// C is quick enough for every run; the others take minutes each, most of it for their tools.
fn is_wanted(language: &str) -> bool {
    let wanted =
        language == "c" || std::env::var("TOMBOLO_TEST_LANGUAGES").is_ok_and(|languages| languages == "all");
    if !wanted {
        eprintln!("skipped: {language} takes long; set TOMBOLO_TEST_LANGUAGES=all to try it");
    }
    wanted
}

/// `new` → `build` → nothing to do → `test`.
#[track_caller]
fn check(language: &str, kind: &str) {
    if !is_wanted(language) || !is_ready(language) {
        return;
    }
    let project = Project::new(language, kind);
    let built = project.succeeds(&["build"]);
    assert!(built.contains("built greet in") && built.contains("sha256:"), "{built}");
    let again = project.succeeds(&["build"]);
    assert!(again.contains("unchanged greet"), "{again}");
    let tested = project.succeeds(&["test"]);
    assert!(tested.contains(" passed, 0 failed"), "{tested}");
}

/// The same sources in two folders give the same bytes.
#[track_caller]
fn check_reproducible(language: &str, kind: &str) {
    if !is_wanted(language) || !is_ready(language) {
        return;
    }
    let digest = || {
        let built = Project::new(language, kind).succeeds(&["build"]);
        let digest = built.split_whitespace().find(|word| word.starts_with("sha256:"));
        digest.unwrap_or_else(|| panic!("no digest: {built}")).to_owned()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn c_commands() {
    check("c", "command");
}

#[test]
fn c_events() {
    check("c", "event");
}

#[test]
fn c_http() {
    check("c", "http");
}

#[test]
fn c_is_reproducible() {
    check_reproducible("c", "http");
}

#[test]
fn rust_commands() {
    check("rust", "command");
}

#[test]
fn rust_events() {
    check("rust", "event");
}

#[test]
fn rust_http() {
    check("rust", "http");
}

#[test]
fn rust_is_reproducible() {
    check_reproducible("rust", "command");
}

#[test]
fn go_commands() {
    check("go", "command");
}

#[test]
fn go_http() {
    check("go", "http");
}

#[test]
fn go_is_reproducible() {
    check_reproducible("go", "command");
}

#[test]
fn javascript_http() {
    check("js", "http");
}

#[test]
fn python_http() {
    check("python", "http");
}

#[test]
fn all_other_languages_and_kinds() {
    for (language, kinds) in [
        ("go", vec!["event"]),
        ("js", vec!["event", "command"]),
        ("python", vec!["event", "command"]),
        ("cpp", vec!["http", "event", "command"]),
        ("ts", vec!["http", "event", "command"]),
        ("zig", vec!["http", "event", "command"]),
    ] {
        for kind in kinds {
            if is_wanted(language) {
                check(language, kind);
            }
        }
    }
}

#[test]
fn a_failed_build_shows_the_line_the_exit_code_and_what_the_compiler_said() {
    if !is_ready("c") {
        return;
    }
    let project = Project::new("c", "command");
    project.edit("src/main.c", "return 0;", "return nought;");
    let said = project.fails(&["build"]);
    assert!(said.contains("$ clang --target=wasm32-wasi") && said.contains("exit code 1"), "{said}");
    assert!(said.contains("src/main.c") && said.contains("nought"), "{said}");
    project.edit("src/main.c", "return nought;", "return 0;");
    project.succeeds(&["build"]);
}

#[test]
fn a_failed_test_shows_what_came_instead() {
    if !is_ready("c") {
        return;
    }
    let project = Project::new("c", "command");
    project.edit("tests/counts.toml", "2 lines, 3 words", "2 lines, 4 words");
    let said = project.fails(&["test"]);
    assert!(said.contains("- 2 lines, 4 words") && said.contains("+ 2 lines, 3 words"), "{said}");
    assert!(said.contains("1 passed, 1 failed"), "{said}");
}

#[test]
fn a_build_line_that_makes_no_component_is_a_failure() {
    let project = Project::new("c", "command");
    project.edit("tombolo.toml", "clang ", "true ");
    let said = project.fails(&["build"]);
    assert!(said.contains("greet.wasm is not there"), "{said}");
}

#[test]
fn new_refuses_a_name_that_is_a_path_and_a_folder_that_is_full() {
    let home = tempfile::tempdir().unwrap();
    let refused = tombolo(home.path(), &["new", "../greet", "--lang", "c"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    std::fs::create_dir(home.path().join("greet")).unwrap();
    std::fs::write(home.path().join("greet/mine"), "mine").unwrap();
    let refused = tombolo(home.path(), &["new", "greet", "--lang", "c"]);
    assert_eq!(refused.status.code(), Some(125), "{}", text(&refused));
    assert_eq!(std::fs::read_dir(home.path().join("greet")).unwrap().count(), 1);
    let unasked = tombolo(home.path(), &["new"]);
    assert!(text(&unasked).contains("not a terminal"), "{}", text(&unasked));
}

#[test]
fn wit_is_written_once_and_a_changed_file_is_kept() {
    let home = tempfile::tempdir().unwrap();
    assert!(tombolo(home.path(), &["wit"]).status.success());
    assert!(tombolo(home.path(), &["wit"]).status.success());
    let worlds = home.path().join("wit/worlds.wit");
    std::fs::write(&worlds, "mine").unwrap();
    assert_eq!(tombolo(home.path(), &["wit"]).status.code(), Some(125));
    assert_eq!(std::fs::read_to_string(&worlds).unwrap(), "mine");
    assert!(tombolo(home.path(), &["wit", "--force"]).status.success());
}
