//! The manifest of an app, `tombolo.toml`.

mod app;
mod ceiling;
mod checks;
mod problem;
mod read;
mod source;

pub use problem::{Problem, Problems};
pub use source::{OciReference, Source};

use crate::grant::GrantSet;
use crate::limits::LimitOverrides;
use crate::name::Name;
use crate::trigger::Trigger;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// An app: a named, versioned set of functions, deployed as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The app's name.
    pub name: Name,
    /// Its version: 1 to 128 of letters, digits and `.-+_`.
    pub version: String,
    /// With whom it shares a process on a node.
    pub isolation: Isolation,
    /// Its functions; at least one.
    pub functions: BTreeMap<Name, Function>,
}

/// With whom an app shares a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Isolation {
    /// With the other apps of its tenant, `tenant`.
    #[default]
    Tenant,
    /// With nobody, `app`.
    App,
}

/// A function: an artifact plus what wakes it, what it may do and what it may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Where its artifact is.
    pub component: Source,
    /// The command that builds it, for `tombolo build`; a node never runs it.
    pub build: Option<String>,
    /// What wakes it; a function without is run by name only.
    pub on: Vec<Trigger>,
    /// What it may do.
    pub grants: GrantSet,
    /// What it may use up.
    pub limits: LimitOverrides,
    /// Its arguments after its own name.
    pub args: Vec<String>,
    /// How many requests one instance may answer; `None` is a fresh instance for each.
    pub reuse: Option<NonZeroU32>,
}

impl Manifest {
    /// Reads a manifest. `file_name` is for messages only; nothing is opened.
    ///
    /// Fails with all problems at once, in the order of the text.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Problems> {
        app::read(text, file_name)
    }

    /// A function by its name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }
}
