//! `--audit FILE`: each refusal as it comes, and at the end each use, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use tombolo_host::ledger::{Refusal, RefusalSink, Report};

use crate::notice;

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

impl Audit {
    /// Where refusals go as they come.
    pub(super) fn sink(&self) -> Arc<dyn RefusalSink> {
        Arc::new(Sink { file: Arc::clone(&self.file) })
    }

    /// Writes how often each grant was used and refused.
    ///
    /// # Errors
    /// The file cannot be written: an audit that is not complete must not look so.
    pub(super) fn close(&self, report: &Report) -> anyhow::Result<()> {
        for grant in &report.grants {
            append(&self.file, &Line { event: "grant", function: Some(&report.function), what: grant })
                .context("the audit file cannot be written")?;
        }
        Ok(())
    }
}

struct Sink {
    file: Arc<File>,
}

impl RefusalSink for Sink {
    fn refused(&self, refusal: &Refusal) {
        if let Err(error) = append(&self.file, &Line { event: "refused", function: None, what: refusal }) {
            notice!("the audit file cannot be written: {error}");
        }
    }
}

/// One line of the audit file.
#[derive(Serialize)]
struct Line<'a, T> {
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(flatten)]
    what: &'a T,
}

/// One `write` for one line, so that lines of parallel runs do not mix.
fn append(mut file: &File, line: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)?;
    Ok(())
}
