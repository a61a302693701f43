//! A clang that can build for WASI: many can be installed, under many names, and few have all it takes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::install::{self, Tool};
use super::machine::Machine;
use super::shim::StandIn;
use super::{Part, State};
use crate::child;

/// C or C++.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    C,
    Cpp,
}

/// Newest first; older ones lack what current wasi-libc headers use.
const VERSIONS: std::ops::RangeInclusive<u32> = 14..=23;

impl Dialect {
    pub(super) const fn program(self) -> &'static str {
        match self {
            Dialect::C => "clang",
            Dialect::Cpp => "clang++",
        }
    }

    const fn zig(self) -> &'static str {
        match self {
            Dialect::C => "cc",
            Dialect::Cpp => "c++",
        }
    }

    /// A file that only a complete toolchain compiles and links.
    const fn probe(self) -> (&'static str, &'static str) {
        match self {
            Dialect::C => ("c", "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n"),
            Dialect::Cpp => (
                "c++",
                "#include <string>\nint main(int n, char **a) { return std::string(a[0]).size() < n; }\n",
            ),
        }
    }
}

/// All programs that could be it, the one that the build line names first.
pub(super) fn candidates(dialect: Dialect, machine: &Machine) -> Vec<StandIn> {
    let program = dialect.program();
    let mut found: Vec<PathBuf> = Vec::new();
    found.extend(machine.find(program));
    found.extend(machine.wasi_sdk.iter().map(|sdk| sdk.join("bin").join(program)));
    found.push(Path::new("/opt/wasi-sdk/bin").join(program));
    found.extend(VERSIONS.rev().filter_map(|version| machine.find(&format!("{program}-{version}"))));
    found.retain(|path| super::machine::is_program(path));
    let mut found: Vec<StandIn> = found.into_iter().map(StandIn::program).collect();
    let zig = machine.first(["zig", "python-zig"]);
    found.extend(zig.map(|zig| StandIn { program: zig, arguments: vec![dialect.zig()] }));
    found
}

/// The first of them that builds a program.
pub(super) fn working(dialect: Dialect, machine: &Machine) -> Option<StandIn> {
    let tried = match dialect {
        Dialect::C => &machine.clang,
        Dialect::Cpp => &machine.clang_cpp,
    };
    let first = || candidates(dialect, machine).into_iter().find(|candidate| builds(dialect, candidate));
    tried.get_or_init(first).clone()
}

pub(super) fn check(dialect: Dialect, machine: &Machine) -> Part {
    let (what, tool) = match dialect {
        Dialect::C => ("a clang that builds for WASI", Tool::C),
        Dialect::Cpp => ("a clang++ that builds for WASI", Tool::Cpp),
    };
    let state = match working(dialect, machine) {
        Some(found) => {
            let version = child::answer(found.command().arg("--version")).unwrap_or_default();
            let renamed = machine.find(dialect.program()).as_ref() != Some(&found.program);
            State::Ready {
                version: version.lines().next().unwrap_or_default().to_owned(),
                note: renamed.then(|| format!("build lines find it as `{}`", dialect.program())),
                path: found.program,
            }
        }
        None => State::Missing { install: install::command(tool, machine) },
    };
    Part { what, state }
}

fn builds(dialect: Dialect, candidate: &StandIn) -> bool {
    let (language, text) = dialect.probe();
    let Ok(folder) = tempfile::tempdir() else { return false };
    let mut command: Command = candidate.command();
    command
        .args(["--target=wasm32-wasi", "-fno-exceptions", "-x", language, "-", "-o"])
        .arg(folder.path().join("a.wasm"));
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return false };
    // A compiler that gave up already says so with its exit code.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(text.as_bytes()));
    child.wait().is_ok_and(|status| status.success())
}
