//! The languages' own tools: which are here, how to get the others, and what a build needs around it.

mod clang;
mod install;
mod machine;
mod rust;
mod shim;
mod sysroot;
mod tools;

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;

use crate::error::DevError;
use crate::language::Language;

pub(crate) use machine::Machine;
pub(crate) use tools::{identity, missing_for};

/// One thing that a language's builds need.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    /// In words, with the least version that will do.
    pub(crate) what: &'static str,
    #[serde(flatten)]
    pub(crate) state: State,
}

/// Whether it is here.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum State {
    Ready {
        version: String,
        path: PathBuf,
        /// What is not as one would expect, if anything.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    Missing {
        /// One command that installs it on this machine.
        install: String,
    },
}

/// A part that is not here.
pub(crate) struct Missing<'a> {
    pub(crate) what: &'static str,
    pub(crate) install: &'a str,
}

impl Part {
    /// How to get it, if it is not here.
    pub(crate) fn missing(&self) -> Option<Missing<'_>> {
        match &self.state {
            State::Missing { install } => Some(Missing { what: self.what, install }),
            State::Ready { .. } => None,
        }
    }
}

/// Everything that builds in this language need.
pub(crate) fn check(language: Language, machine: &Machine) -> Vec<Part> {
    match language {
        Language::Rust => rust::check(machine),
        Language::C => vec![clang::check(clang::Dialect::C, machine)],
        Language::Cpp => vec![clang::check(clang::Dialect::Cpp, machine)],
        Language::Go => vec![tools::check(&tools::GO, machine)],
        Language::Js | Language::Ts => {
            vec![tools::check(&tools::NODE, machine), tools::check(&tools::NPM, machine)]
        }
        Language::Python => vec![tools::check(&tools::COMPONENTIZE_PY, machine)],
        Language::Zig => vec![tools::check(&tools::ZIG, machine)],
    }
}

/// The variables that a build line needs on this machine so that it works as written, such as `PATH` with a `clang`
/// that is called otherwise here. Sets up what is missing, at most once per machine; `say` tells what takes long.
pub(crate) fn environment(
    line: &str,
    machine: &Machine,
    say: &dyn Fn(&str),
) -> Result<Vec<(OsString, OsString)>, DevError> {
    let mut variables = rust::environment(line, machine, say)?;
    variables.extend(shim::path(line, machine)?);
    Ok(variables)
}

/// The words of a build line that can name a program: without assignments' left sides and without paths.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || ";&|()".contains(c)).filter(|word| !word.is_empty())
}
