use std::path::Path;

use super::*;

fn project(home: &Path, functions: &str) -> Project {
    let manifest = home.join("tombolo.toml");
    std::fs::write(&manifest, format!("name = \"a\"\nversion = \"1\"\n{functions}")).unwrap();
    Project::open(&manifest).unwrap()
}

fn machine() -> Machine {
    Machine::this()
}

#[test]
fn functions_with_one_build_line_are_built_once() {
    let home = tempfile::tempdir().unwrap();
    let text = "[functions.a]\ncomponent = \"a.wasm\"\nbuild = \"make\"\n[functions.b]\ncomponent = \"b.wasm\"\nbuild = \"make\"\n\
        [functions.c]\ncomponent = \"c.wasm\"\n[functions.d]\ncomponent = \"d.wasm\"\n";
    let project = project(home.path(), text);
    let jobs = jobs(&project.select(&[]).unwrap());
    let shape: Vec<_> = jobs.iter().map(|job| (job.line, job.functions.len())).collect();
    assert_eq!(shape, [("make", 2), ("", 1), ("", 1)]);
}

#[test]
fn a_failure_has_the_line_the_exit_code_and_what_was_printed() {
    let home = tempfile::tempdir().unwrap();
    let project = project(home.path(), "[functions.a]\ncomponent = \"a.wasm\"\n");
    let line = "echo out; echo err >&2; exit 3";
    let failure = run::run(&project, line, &machine(), None, &|_| {}).unwrap_err();
    assert_eq!((failure.line.as_str(), failure.why.as_str()), (line, "ended with exit code 3"));
    assert_eq!(failure.output, "out\nerr\n");
}

#[test]
fn a_build_line_runs_in_the_manifests_folder_without_input() {
    let home = tempfile::tempdir().unwrap();
    let project = project(home.path(), "[functions.a]\ncomponent = \"a.wasm\"\n");
    run::run(&project, "cat > read && pwd -P > where", &machine(), None, &|_| {}).unwrap();
    let found = std::fs::read_to_string(home.path().join("where")).unwrap();
    assert_eq!(Path::new(found.trim()), home.path().canonicalize().unwrap());
    assert_eq!(std::fs::read(home.path().join("read")).unwrap(), b"");
}

#[test]
fn the_fingerprint_changes_with_sources_line_and_tools_and_with_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let project = project(home.path(), "[functions.a]\ncomponent = \"out/a.wasm\"\n");
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("main.c", "1");
    write(".gitignore", "*.o\n");
    let print = || Sources::read(&project).unwrap().with("make", &["clang 19".to_owned()]);
    let before = print();
    for (name, text) in [("out/a.wasm", "x"), ("main.o", "x"), ("target/x", "x"), (".tombolo/build/a", "x")] {
        write(name, text);
        assert_eq!(print(), before, "{name}");
    }
    for (name, text) in [("main.c", "2"), ("main.h", ""), (".hidden", "x"), ("sub/deep/file", "x")] {
        let earlier = print();
        write(name, text);
        assert_ne!(print(), earlier, "{name}");
    }
    let sources = Sources::read(&project).unwrap();
    assert_ne!(sources.with("make", &[]), sources.with("make all", &[]));
    assert_ne!(sources.with("make", &[]), sources.with("make", &["clang 19".to_owned()]));
}

#[test]
fn a_lock_file_that_the_build_made_is_no_change_and_one_that_was_edited_is() {
    let home = tempfile::tempdir().unwrap();
    let project = project(home.path(), "[functions.a]\ncomponent = \"a.wasm\"\n");
    let before = Sources::read(&project).unwrap();
    std::fs::write(home.path().join("Cargo.lock"), "1").unwrap();
    let after = Sources::read(&project).unwrap();
    assert_eq!(before.with_locks_of(&after), after);

    std::fs::write(home.path().join("Cargo.lock"), "2").unwrap();
    std::fs::write(home.path().join("main.rs"), "").unwrap();
    let edited = Sources::read(&project).unwrap();
    assert_eq!(after.with_locks_of(&edited), after);
}

#[test]
fn a_record_holds_only_for_the_same_sources_and_the_same_component() {
    let home = tempfile::tempdir().unwrap();
    let project = project(home.path(), "[functions.a]\ncomponent = \"a.wasm\"\n");
    let (name, function) = project.function("a").unwrap();
    let component = home.path().join("a.wasm");
    assert!(!record::is_current(&project, name, function, "1"), "nothing was built");
    std::fs::write(&component, "wasm").unwrap();
    record::write(&project, name, function, "1");
    assert!(record::is_current(&project, name, function, "1"));
    assert!(!record::is_current(&project, name, function, "2"), "other sources");
    std::fs::write(&component, "other").unwrap();
    assert!(!record::is_current(&project, name, function, "1"), "another component");
    std::fs::remove_file(&component).unwrap();
    assert!(!record::is_current(&project, name, function, "1"), "no component");
}
