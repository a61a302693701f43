//! A project: a folder with a manifest.

use std::path::{Path, PathBuf};

use tombolo_spec::{Function, Manifest, Name, Source};

use crate::error::DevError;

/// A manifest that was read, and where it is.
#[derive(Clone)]
pub(crate) struct Project {
    /// The folder that the manifest's paths start from.
    pub(crate) root: PathBuf,
    pub(crate) manifest_path: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Project {
    /// Reads the manifest at `path`.
    pub(crate) fn open(path: &Path) -> Result<Project, DevError> {
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => DevError::NoManifest { path: path.to_owned() },
            _ => DevError::File { action: "read", path: path.to_owned(), source },
        })?;
        let manifest = Manifest::parse(&text, &path.display().to_string()).map_err(DevError::Manifest)?;
        let manifest_path = std::path::absolute(path).map_err(DevError::file("find", path))?;
        let root = manifest_path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Project { root, manifest_path, manifest })
    }

    /// The functions of these names, or all when none is named.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<(&Name, &Function)>, DevError> {
        if names.is_empty() {
            return Ok(self.manifest.functions.iter().collect());
        }
        names.iter().map(|name| self.function(name)).collect()
    }

    /// The function of this name.
    pub(crate) fn function(&self, name: &str) -> Result<(&Name, &Function), DevError> {
        self.manifest.functions.get_key_value(name).ok_or_else(|| DevError::UnknownFunction {
            manifest: self.manifest_path.clone(),
            name: name.to_owned(),
            known: self.manifest.functions.keys().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Where a function's component is, unless it comes from a registry.
    pub(crate) fn component(&self, function: &Function) -> Option<PathBuf> {
        match &function.component {
            Source::Path(path) => Some(self.root.join(path)),
            Source::Oci(_) => None,
        }
    }

    /// Where the commands keep what they need to know again; nothing in it is worth keeping.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.root.join(".tombolo")
    }
}
