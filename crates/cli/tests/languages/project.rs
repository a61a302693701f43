//! A project in a folder of its own, and the binary at work in it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with one project in it, called `greet`.
pub(crate) struct Project {
    _home: tempfile::TempDir,
    pub(crate) folder: PathBuf,
}

impl Project {
    /// From a template.
    #[track_caller]
    pub(crate) fn new(language: &str, kind: &str) -> Project {
        let home = tempfile::tempdir().unwrap();
        let made = tombolo(home.path(), &["new", "greet", "--lang", language, "--kind", kind]);
        assert!(made.status.success(), "{}", text(&made));
        let folder = home.path().join("greet");
        Project { _home: home, folder }
    }

    /// With these functions, each the text of a table, and these other files.
    pub(crate) fn of(functions: &[(&str, &str)], files: &[(&str, &str)]) -> Project {
        let home = tempfile::tempdir().unwrap();
        let project = Project { folder: home.path().to_owned(), _home: home };
        let tables: String =
            functions.iter().map(|(name, table)| format!("[functions.{name}]\n{table}\n")).collect();
        project.write("tombolo.toml", &format!("name = \"greet\"\nversion = \"1\"\n{tables}"));
        files.iter().for_each(|(name, text)| project.write(name, text));
        project
    }

    /// `tombolo` in the project's folder, to be run.
    pub(crate) fn tombolo(&self, arguments: &[&str]) -> Command {
        command(&self.folder, arguments)
    }

    /// Everything that a command says; it must succeed.
    #[track_caller]
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let output = tombolo(&self.folder, arguments);
        let at = self.folder.display();
        assert!(output.status.success(), "tombolo {arguments:?} in {at}:\n{}", text(&output));
        text(&output)
    }

    /// Everything that a command says; it must end with this exit code.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = tombolo(&self.folder, arguments);
        assert_eq!(output.status.code(), Some(code), "tombolo {arguments:?}:\n{}", text(&output));
        text(&output)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces a part of a file, which must be there.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let before = std::fs::read_to_string(&path).unwrap();
        assert!(before.contains(from), "{file} has no {from:?}");
        std::fs::write(&path, before.replace(from, to)).unwrap();
    }
}

/// The built binary in `folder`, with the environment of a developer.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombolo"));
    command.args(arguments).current_dir(folder).env_remove("CARGO_TARGET_DIR");
    command
}

/// Runs it to the end.
pub(crate) fn tombolo(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Runs `command` to its end with `input`; what it prints on standard output. It must succeed.
#[track_caller]
pub(crate) fn filter(command: &mut Command, input: &str) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// All that a command said.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether the language's tools are here.
pub(crate) fn is_ready(language: &str) -> bool {
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
