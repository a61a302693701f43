//! The last good revision of each app, as a file that needs no database to be read.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{DbError, Release};
use crate::disk::write_durably;
use crate::reconcile::{AppId, Revision};

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Copy {
    tenant: String,
    app: String,
    pub(super) revision: Revision,
    pub(super) release: Release,
}

impl Copy {
    pub(super) fn new(app: &AppId, revision: Revision, release: Release) -> Copy {
        Copy { tenant: app.tenant.to_string(), app: app.app.to_string(), revision, release }
    }

    pub(super) fn app(&self) -> Option<AppId> {
        Some(AppId { tenant: self.tenant.parse().ok()?, app: self.app.parse().ok()? })
    }
}

/// Names hold no slash, and neither two hyphens that could be mistaken for the one between them: a point is in neither.
fn path(folder: &Path, app: &AppId) -> PathBuf {
    folder.join(format!("{}.{}.json", app.tenant, app.app))
}

pub(super) fn write(folder: &Path, app: &AppId, copy: &Copy) -> Result<(), DbError> {
    let path = path(folder, app);
    let text = serde_json::to_vec_pretty(copy).map_err(io::Error::from);
    text.and_then(|text| write_durably(&path, &text)).map_err(|source| DbError::Io { path, source })
}

pub(super) fn remove(folder: &Path, app: &AppId) -> Result<(), DbError> {
    let path = path(folder, app);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(DbError::Io { path, source }),
        _ => Ok(()),
    }
}

/// All files that can be read; the others are left where they are, but for those that were never finished.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Copy>, DbError> {
    let failed = |source| DbError::Io { path: folder.to_owned(), source };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut copies = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|end| end == "new") {
            std::fs::remove_file(&path).map_err(failed)?;
        } else if path.extension().is_some_and(|end| end == "json") {
            copies.extend(std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()));
        }
    }
    Ok(copies)
}
