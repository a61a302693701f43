//! `tombolo grants`: grant lines, without running anything.

mod meaning;

use std::io::Write;

use anyhow::Context;
use tombolo_spec::Grant;

use crate::args::{GrantsArgs, GrantsCommand};
use crate::exit::{Exit, Failure};

use meaning::meaning;

/// `tombolo grants check LINE…`: 0 when all lines are right (and covered), 1 when one is not covered.
///
/// # Errors
/// All lines that are no grants.
pub(crate) fn grants(args: &GrantsArgs) -> Result<Exit, Failure> {
    let GrantsCommand::Check { lines, against } = &args.command;
    let grants = crate::plan::parse_grants(lines)?;
    let against: Option<Grant> = against.as_deref().map(str::parse).transpose()?;
    let mut out = std::io::stdout().lock();
    let mut covered = true;
    for (_, grant) in grants.iter() {
        writeln!(out, "{grant}\n    {}", meaning(grant)).context("cannot write")?;
        if let Some(against) = &against {
            let is_covered = against.covers(grant);
            covered &= is_covered;
            let verdict = if is_covered { "covered" } else { "not covered" };
            writeln!(out, "    {verdict} by {against}").context("cannot write")?;
        }
    }
    Ok(Exit::Program(if covered { 0 } else { 1 }))
}
