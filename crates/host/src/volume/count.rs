//! What is in a volume when the process begins.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Held;

/// Counts everything below `folder`; a file with several names once. Links are not followed.
///
/// # Errors
/// What cannot be read, with its path.
pub(super) fn count(folder: &Path) -> Result<Held, (PathBuf, io::Error)> {
    let mut held = Held::default();
    let mut seen = HashSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let failed = |error| (folder.clone(), error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let metadata = entry.metadata().map_err(|error| (entry.path(), error))?;
            held.names += 1;
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.is_file() && (metadata.nlink() == 1 || seen.insert(metadata.ino())) {
                held.bytes += metadata.len();
            }
        }
    }
    Ok(held)
}
