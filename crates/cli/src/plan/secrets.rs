//! Where the text of secrets comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tombolo_host::Lookup;
use tombolo_spec::{Grant, Name};

/// The largest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Secrets that the command line names, and the folder in which systemd puts the others.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    files: BTreeMap<String, PathBuf>,
}

impl Secrets {
    /// Takes `NAME` or `NAME=FILE` and returns the grant that reveals it.
    pub(super) fn add(&mut self, spec: &str) -> anyhow::Result<Grant> {
        let (name, file) = match spec.split_once('=') {
            Some((name, file)) => (name, Some(file)),
            None => (spec, None),
        };
        let name: Name = name.parse()?;
        if let Some(file) = file {
            self.files.insert(name.to_string(), PathBuf::from(file));
        }
        Ok(Grant::Secret { name, reveal: true })
    }

    /// [`Secrets::read`] for whoever prepares the program.
    pub(crate) fn reader(&self) -> Lookup {
        let own = self.clone();
        Box::new(move |name| own.read(name))
    }

    fn read(&self, name: &str) -> Option<String> {
        secret_text(&self.files.get(name).cloned().or_else(|| credential(name))?)
    }
}

/// The text of the secret in `file`, or `None` where it is not to be had. One newline at its end is left off.
pub(crate) fn secret_text(file: &Path) -> Option<String> {
    if std::fs::metadata(file).ok()?.len() > SECRET_BYTES_MAX {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    Some(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
}

/// systemd's credentials: one file for each, in a folder that only the unit can read.
fn credential(name: &str) -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| PathBuf::from(folder).join(name))
}
