//! `--audit FILE`: each refusal as it comes, and at the end each use, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tombolo_host::ledger::{Refusal, RefusalSink};

/// An open audit file. It is opened while the user's own rights are in force, and only ever appended to.
pub(super) struct Audit {
    file: Arc<File>,
}

/// Opens the audit file, if one is asked for.
///
/// # Errors
/// The file cannot be opened for appending.
pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Option<Audit>> {
    let Some(path) = path else { return Ok(None) };
    let file = OpenOptions::new().append(true).create(true).open(path);
    let file = file.with_context(|| format!("{}: the audit file cannot be opened", path.display()))?;
    Ok(Some(Audit { file: Arc::new(file) }))
}
