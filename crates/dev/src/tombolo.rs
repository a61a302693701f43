//! Tombolo itself as a child process: what needs the engine is done there.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use tombolo_spec::GrantSet;

use crate::child;
use crate::error::DevError;

/// The `tombolo` that is running.
#[derive(Clone, Debug)]
pub(crate) struct Tombolo {
    program: PathBuf,
}

/// What `tombolo inspect --json` says, as far as it is used here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inspection {
    /// `module` or `component`.
    pub(crate) kind: String,
    pub(crate) bytes: u64,
    /// `sha256:…`
    pub(crate) digest: String,
    /// All generations in use: `0.1`, `0.2`, `0.3`.
    pub(crate) wasi: Vec<String>,
    /// The ways to start it, the preferred one first.
    pub(crate) entries: Vec<String>,
    pub(crate) needs: Vec<Need>,
}

/// What an import needs to be of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Need {
    pub(crate) import: String,
    /// Kinds of grant, one of which is needed.
    pub(crate) needs: Vec<String>,
    /// `free`, `needed`, `refines` or `unknown`.
    pub(crate) grant: String,
    /// Whether the manifest gives one of these kinds.
    pub(crate) granted: bool,
}

impl Tombolo {
    /// The program that this process runs.
    pub(crate) fn current() -> Result<Tombolo, DevError> {
        let program = std::env::current_exe().map_err(|source| DevError::Start {
            program: "tombolo".to_owned(),
            source,
            remedy: "is /proc mounted?".to_owned(),
        })?;
        Ok(Tombolo { program })
    }

    /// Its file.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// A command of it.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(name);
        command
    }

    /// What the artifact at `path` is, and whether `grants` are enough for it.
    pub(crate) fn inspect(&self, path: &Path, grants: &GrantSet) -> Result<Inspection, DevError> {
        let mut command = self.command("inspect");
        command.arg("--json");
        for (_, grant) in grants.iter() {
            command.arg("--grant").arg(grant.to_string());
        }
        let output = child::output(command.arg(path), "is this tombolo complete?")?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let why =
                if said.is_empty() { format!("{}: {error}", child::ending(output.status)) } else { said };
            DevError::Tool { what: format!("tombolo inspect {}", path.display()), why }
        })
    }
}
