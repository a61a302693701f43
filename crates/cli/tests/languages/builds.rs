//! `tombolo build`: side by side, nothing twice, and what it says when something is wrong.

use std::path::Path;
use std::process::Command;

use crate::project::{Project, is_ready, text};

/// A program without imports.
const PROGRAM: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";

#[test]
fn a_failed_build_shows_the_line_the_exit_code_and_what_the_compiler_said() {
    if !is_ready("c") {
        return;
    }
    let project = Project::new("c", "command");
    project.edit("src/main.c", "return 0;", "return nought;");
    let said = project.fails(1, &["build"]);
    assert!(said.contains("$ clang --target=wasm32-wasi") && said.contains("exit code 1"), "{said}");
    assert!(said.contains("src/main.c") && said.contains("nought"), "{said}");
    project.edit("src/main.c", "return nought;", "return 0;");
    project.succeeds(&["build"]);
}

#[test]
fn a_missing_tool_is_named_with_the_command_that_installs_it() {
    for (language, tool) in
        [("c", "clang"), ("go", "go"), ("zig", "zig"), ("js", "npm"), ("python", "componentize-py")]
    {
        // Two are also looked for where their own installers put them.
        let installed = |path: &str| Path::new(path).exists();
        if language == "c" && installed("/opt/wasi-sdk") || language == "go" && installed("/usr/local/go") {
            continue;
        }
        let project = Project::new(language, "command");
        let home = tempfile::tempdir().unwrap();
        let mut build = project.tombolo(&["build"]);
        let output = build.env_clear().env("PATH", "/nowhere").env("HOME", home.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{language}: {}", text(&output));
        let said = text(&output);
        assert!(said.contains(&format!("{tool} is not here; install it with\n")), "{language}: {said}");
    }
}

#[test]
fn functions_are_built_side_by_side() {
    // Each waits for the other: one after the other, neither would come to its end.
    let build = |own: &str, other: &str| {
        format!(
            "component = \"{own}.wat\"\nbuild = \"touch {own}.here; timeout 60 sh -c 'until [ -e {other}.here ]; \
             do sleep 0.01; done' && cp program {own}.wat\""
        )
    };
    let (a, b) = (build("a", "b"), build("b", "a"));
    let project = Project::of(&[("a", &a), ("b", &b)], &[("program", PROGRAM)]);
    let said = project.succeeds(&["build", "--jobs", "2"]);
    assert!(said.contains("built a in") && said.contains("built b in"), "{said}");
}

#[test]
fn only_what_has_changed_is_built_again() {
    let build = |name: &str| {
        format!("component = \"{name}.wat\"\nbuild = \"echo {name} >> log && cp program {name}.wat\"")
    };
    let (a, b) = (build("a"), build("b"));
    let project = Project::of(&[("a", &a), ("b", &b)], &[("program", PROGRAM), (".gitignore", "/log\n")]);
    let log = || std::fs::read_to_string(project.folder.join("log")).unwrap().lines().count();
    project.succeeds(&["build"]);
    assert_eq!(log(), 2);
    assert_eq!(project.succeeds(&["build"]).matches("unchanged").count(), 2);
    assert_eq!(log(), 2);
    std::fs::remove_file(project.folder.join("b.wat")).unwrap();
    let said = project.succeeds(&["build"]);
    assert!(said.contains("unchanged a") && said.contains("built b in"), "{said}");
    project.write("program", &format!("{PROGRAM};; another"));
    project.succeeds(&["build", "b"]);
    assert_eq!(log(), 4);
    project.succeeds(&["build", "--force"]);
    assert_eq!(log(), 6);
}

#[test]
fn one_failure_leaves_the_other_functions_built() {
    let a = "component = \"a.wat\"\nbuild = \"echo went wrong; false\"";
    let b = "component = \"b.wat\"\nbuild = \"cp program b.wat\"";
    let project = Project::of(&[("a", a), ("b", b)], &[("program", PROGRAM)]);
    let said = project.fails(1, &["build"]);
    assert!(said.contains("failed a: ended with exit code 1") && said.contains("  went wrong"), "{said}");
    assert!(said.contains("built b in"), "{said}");
}

#[test]
fn imports_that_no_grant_serves_are_told() {
    let program = "(module (import \"wasi_snapshot_preview1\" \"path_open\" (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) \
                   (result i32))) (memory (export \"memory\") 1) (func (export \"_start\")))";
    let table = "component = \"a.wat\"\nbuild = \"cp program a.wat\"";
    let project = Project::of(&[("a", table)], &[("program", program)]);
    let said = project.succeeds(&["build"]);
    assert!(said.contains("no grant for what it imports: dir, volume"), "{said}");
    project.edit("tombolo.toml", "build =", "grants = [\"dir . as /src read\"]\nbuild =");
    let said = project.succeeds(&["build"]);
    assert!(!said.contains("no grant"), "{said}");
}

#[test]
fn what_could_not_be_woken_or_started_is_a_failure() {
    let library = "(module (func (export \"add\")))";
    let strange = "(module (import \"acme\" \"launch\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))";
    for (program, why) in
        [(library, "is a library"), (strange, "nothing provides its import acme"), ("(modul)", "a.wat")]
    {
        let table = "component = \"a.wat\"\nbuild = \"cp program a.wat\"\non = [\"http GET /*\"]";
        let project = Project::of(&[("a", table)], &[("program", program)]);
        let said = project.fails(1, &["build"]);
        assert!(said.contains("failed a: ") && said.contains(why), "{program}: {said}");
    }
}

#[test]
fn a_build_line_that_makes_no_component_is_a_failure() {
    let project = Project::of(&[("a", "component = \"a.wat\"\nbuild = \"true\"")], &[]);
    let said = project.fails(1, &["build"]);
    assert!(
        said.contains("a.wat is not there; make `component` the path that the build line writes"),
        "{said}"
    );
}

#[test]
fn what_is_no_project_is_told_with_what_to_do() {
    let project = Project::of(&[("a", "component = \"a.wat\"")], &[("a.wat", PROGRAM)]);
    let said = project.fails(125, &["build", "b"]);
    assert!(said.contains("no function \"b\"; it has: a"), "{said}");
    project.edit("tombolo.toml", "component", "componnet");
    let said = project.fails(125, &["build"]);
    assert!(said.contains("tombolo.toml:4:1") && said.contains("componnet"), "{said}");
    std::fs::remove_file(project.folder.join("tombolo.toml")).unwrap();
    let said = project.fails(125, &["build"]);
    assert!(
        said.contains("no manifest: tombolo.toml is not there") && said.contains("tombolo new"),
        "{said}"
    );
}

#[test]
fn a_terminal_shows_what_is_being_built() {
    let table = "component = \"a.wat\"\nbuild = \"sleep 0.5; cp program a.wat\"";
    let project = Project::of(&[("a", table)], &[("program", PROGRAM)]);
    let build = format!("{} build", env!("CARGO_BIN_EXE_tombolo"));
    // script(1) is a terminal.
    let mut script = Command::new("script");
    let output = script
        .args(["-qefc", &build, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(&project.folder)
        .output();
    let output = output.expect("script is here");
    let said = text(&output);
    assert!(output.status.success() && said.contains("building a"), "{said}");
    assert!(Path::new(&project.folder).join("a.wat").is_file());
}
