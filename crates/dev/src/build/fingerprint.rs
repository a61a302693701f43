//! A hash over everything that a build line can read of a project, to know whether building again can change anything.
//!
//! All files below the project's folder count, except what `.gitignore` files name, what builds themselves make, and
//! the functions' components. What lies outside of the folder is not seen; `tombolo build --force` builds regardless.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::error::DevError;
use crate::project::Project;

/// Folders that tools fill, also where no `.gitignore` says so.
const MADE: [&str; 8] =
    [".git", ".tombolo", "target", "node_modules", ".zig-cache", "zig-out", "__pycache__", ".venv"];

/// Files in which tools note the versions they chose, when they are not there yet.
const LOCKS: [&str; 3] = ["Cargo.lock", "package-lock.json", "go.sum"];

/// The hash of each file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(BTreeMap<PathBuf, blake3::Hash>);

/// Whether a file of this name is made by a tool, or holds what tools make.
pub(crate) fn is_made(name: &str) -> bool {
    MADE.contains(&name)
}

/// All files that count, sorted.
fn files(project: &Project) -> Result<Vec<PathBuf>, DevError> {
    let components: Vec<PathBuf> =
        project.manifest.functions.values().filter_map(|function| project.component(function)).collect();
    let walk = WalkBuilder::new(&project.root)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .parents(false)
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_str().is_some_and(is_made))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|error| DevError::File {
            action: "look into",
            path: project.root.clone(),
            source: std::io::Error::other(error),
        })?;
        let is_source = entry.file_type().is_some_and(|kind| !kind.is_dir())
            && !components.iter().any(|made| made == entry.path());
        files.extend(is_source.then(|| entry.into_path()));
    }
    Ok(files)
}

impl Sources {
    /// Hashes a project's files. A file that goes away meanwhile counts as empty.
    pub(crate) fn read(project: &Project) -> Result<Sources, DevError> {
        let hashed =
            |path: PathBuf| (path.strip_prefix(&project.root).unwrap_or(&path).to_owned(), content(&path));
        Ok(Sources(files(project)?.into_iter().map(hashed).collect()))
    }

    /// Together with what a build line does and with which tools.
    pub(super) fn with(&self, line: &str, tools: &[String]) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, hash) in &self.0 {
            hasher.update(path.as_os_str().as_encoded_bytes()).update(&[0]).update(hash.as_bytes());
        }
        hasher.update(line.as_bytes()).update(&[0]);
        for tool in tools {
            hasher.update(tool.as_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// These sources and the lock files that the build has added, as they are `after` it. Whatever else changed
    /// meanwhile was changed by somebody else, and is to be built.
    pub(crate) fn with_locks_of(&self, after: &Sources) -> Sources {
        let is_lock = |path: &Path| LOCKS.iter().any(|lock| path.ends_with(lock));
        let added = after.0.iter().filter(|(path, _)| is_lock(path) && !self.0.contains_key(*path));
        Sources(self.0.iter().chain(added).map(|(path, hash)| (path.clone(), *hash)).collect())
    }
}

/// The hash of a file's bytes and of whether it may be run; a link is where it leads.
fn content(path: &Path) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    let executable = path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    hasher.update(&[u8::from(executable)]);
    match path.is_file() {
        true => drop(std::fs::File::open(path).and_then(|file| hasher.update_reader(file).map(drop))),
        false => drop(
            std::fs::read_link(path).map(|to| hasher.update(to.as_os_str().as_encoded_bytes()).finalize()),
        ),
    }
    hasher.finalize()
}
