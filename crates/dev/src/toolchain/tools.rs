//! Tools that are one program with a version, and which tools a build line names.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::install::{self, Tool};
use super::machine::Machine;
use super::{Part, State, words};
use crate::child;

/// A program that has to be there in a certain version.
pub(super) struct Program {
    what: &'static str,
    names: &'static [&'static str],
    version: &'static [&'static str],
    least: (u32, u32),
    tool: Tool,
}

pub(super) const GO: Program = Program {
    what: "Go 1.21 or newer",
    names: &["go"],
    version: &["version"],
    least: (1, 21),
    tool: Tool::Go,
};
pub(super) const NODE: Program = Program {
    what: "Node.js 18 or newer",
    names: &["node"],
    version: &["--version"],
    least: (18, 0),
    tool: Tool::Node,
};
pub(super) const NPM: Program =
    Program { what: "npm", names: &["npm"], version: &["--version"], least: (0, 0), tool: Tool::Node };
pub(super) const COMPONENTIZE_PY: Program = Program {
    what: "componentize-py 0.25 or newer",
    names: &["componentize-py"],
    version: &["--version"],
    least: (0, 25),
    tool: Tool::ComponentizePy,
};
pub(super) const ZIG: Program = Program {
    what: "Zig 0.16 or newer",
    names: &["zig", "python-zig"],
    version: &["version"],
    least: (0, 16),
    tool: Tool::Zig,
};

/// Programs that a build line can name, and what brings them.
const KNOWN: [(&str, Tool); 11] = [
    ("cargo", Tool::Rust),
    ("rustc", Tool::Rust),
    ("clang", Tool::C),
    ("clang++", Tool::Cpp),
    ("go", Tool::Go),
    ("node", Tool::Node),
    ("npm", Tool::Node),
    ("npx", Tool::Node),
    ("componentize-py", Tool::ComponentizePy),
    ("zig", Tool::Zig),
    ("wasm-component-ld", Tool::ComponentLinker),
];

/// Whether the program is here and new enough.
pub(super) fn check(program: &Program, machine: &Machine) -> Part {
    let found = machine.first(program.names.iter().copied()).and_then(|path| {
        let version = child::answer(Command::new(&path).args(program.version))?;
        let number = number(&version)?;
        // Some print nothing but the number.
        let bare = version.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
        let version = if bare { format!("{} {version}", program.names[0]) } else { version };
        (number >= program.least).then_some((path, version))
    });
    let state = match found {
        Some((path, version)) => {
            let renamed = !path.ends_with(program.names[0]);
            let note = renamed.then(|| format!("build lines find it as `{}`", program.names[0]));
            State::Ready { version, path, note }
        }
        None => State::Missing { install: install::command(program.tool, machine) },
    };
    Part { what: program.what, state }
}

/// The tools that a build line names and that are nowhere to be found: name and install command.
pub(crate) fn missing_for(line: &str, machine: &Machine) -> Vec<(String, String)> {
    let known = |word: &str| KNOWN.iter().find(|(name, _)| *name == word);
    words(line)
        .filter_map(known)
        .filter(|(name, _)| super::shim::stand_ins(name, machine).is_empty() && machine.find(name).is_none())
        .map(|(name, tool)| ((*name).to_owned(), install::command(*tool, machine)))
        .collect()
}

/// What tells the tools of a build line from other versions of themselves: their files, and for programs that choose
/// among several compilers, what they choose.
pub(crate) fn identity(line: &str, machine: &Machine) -> Vec<String> {
    let mut identities = Vec::new();
    for word in words(line) {
        let stand_ins = super::shim::stand_ins(word, machine);
        let programs =
            machine.find(word).into_iter().chain(stand_ins.into_iter().map(|stand_in| stand_in.program));
        identities.extend(programs.map(|path| file_identity(&path)));
        if matches!(word, "cargo" | "rustc") {
            identities.extend(child::answer(Command::new("rustc").arg("-vV")));
        }
    }
    identities
}

fn file_identity(path: &Path) -> String {
    let real: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let metadata = real.metadata().ok();
    let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    format!("{} {:?} {:?}", real.display(), metadata.map(|metadata| metadata.len()), changed)
}

/// The first two numbers of a version, wherever it stands in the text.
fn number(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut numbers = word.split('.').map(|part| part.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next().flatten()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_each_tool_prints() {
        for (text, expected) in [
            ("go version go1.27.3 linux/amd64", Some((1, 27))),
            ("v20.20.2", Some((20, 20))),
            ("componentize-py 0.25.1", Some((0, 25))),
            ("0.17.1", Some((0, 17))),
            ("nothing", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_tool_is_named_once_with_its_command() {
        let nowhere = Machine { path: Vec::new(), wasi_sdk: None, ..Machine::this() };
        let missing = missing_for("GOOS=wasip1 go build -o go.wasm && gofmt .", &nowhere);
        assert_eq!(missing.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["go"]);
        assert!(missing_for("make all", &nowhere).is_empty());
    }
}
