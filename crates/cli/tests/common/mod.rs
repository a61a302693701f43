//! What the tests of the built binary share.

#![allow(dead_code, unreachable_pub)] // Each test file is a crate of its own and uses a part of this.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

pub(crate) use tempfile::TempDir;

/// The built binary, with an empty environment but for what it needs to find its cache.
pub(crate) fn tombolo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    program(binary(), args)
}

/// The built binary.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tombolo"))
}

/// As [`tombolo`], of another build.
pub(crate) fn program<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(binary: &Path, args: I) -> Command {
    let mut command = Command::new(binary);
    command.args(args).env_clear().env("XDG_CACHE_HOME", cache()).env("PATH", "/usr/bin:/bin");
    command
}

/// One cache for all tests of a process tree: entries are keyed by content, so tests do not disturb each other.
pub(crate) fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    CACHE.get_or_init(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache"))
}

/// What a finished program left behind.
pub(crate) struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// Asserts the exit code and shows all there is to see when it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Done {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error holds `text`.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Done {
        assert!(self.stderr.contains(text), "no {text:?} in stderr: {}", self.stderr);
        self
    }

    /// Asserts that standard output is `text`.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Done {
        assert_eq!(self.stdout, text, "stderr: {}", self.stderr);
        self
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Done {
        Done {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs to the end with `input` on standard input.
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Done {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the built binary starts");
    // A program that reads nothing closes the pipe early: that is no error of the test.
    let _ = child.stdin.take().expect("stdin was piped").write_all(input);
    child.wait_with_output().expect("the built binary ends").into()
}

/// `tombolo ARGS` to the end, with nothing on standard input.
pub(crate) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Done {
    finish(&mut tombolo(args), b"")
}

/// A folder with these files in it.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }
    folder
}

/// The folder of built guest programs (see `guests/`): `$TOMBOLO_GUESTS`, or what `scripts/build-guests` prints.
pub(crate) fn guests() -> &'static Path {
    static GUESTS: OnceLock<PathBuf> = OnceLock::new();
    GUESTS.get_or_init(|| match std::env::var_os("TOMBOLO_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-guests");
            let output =
                Command::new(script).arg("--print-folder").output().expect("scripts/build-guests runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
        }
    })
}

/// One built guest program.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = guests().join(name).with_extension("wasm");
    assert!(
        path.exists(),
        "{} is missing: run scripts/install-test-tools and scripts/build-guests",
        path.display()
    );
    path
}

/// The binary without its first wall: WASI lets every path through, and a guest can make any system call. It is
/// built for the tests of the second wall and is never installed.
pub(crate) fn binary_without_first_wall() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").to_owned();
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "tombolo", "--features", "bypass-wasi-fs-checks,escape"])
            .arg("--config")
            .arg(format!("build.build-dir={:?}", target))
            .arg("--target-dir")
            .arg(target.join("bypass"))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .status()
            .expect("cargo can be started");
        assert!(status.success(), "the binary without its first wall does not build");
        target.join("bypass/debug/tombolo")
    })
}
