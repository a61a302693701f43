//! `tombolo inspect`: what a program is, what it asks for and what it would get.

mod needs;
mod view;

use std::io::Write;

use anyhow::Context;
use tombolo_spec::{LimitOverrides, Profile};

use crate::args::{InspectArgs, ProgramArgs};
use crate::exit::{Exit, Failure};
use crate::plan;
use crate::program::Program;

use view::View;

/// Prints an artifact's view; exits with 1 when grants were given and do not suffice.
///
/// # Errors
/// The artifact cannot be read, a grant or limit does not parse.
pub(crate) fn inspect(args: &InspectArgs) -> Result<Exit, Failure> {
    let grants = plan::parse_grants(&args.grants)?;
    let given = ProgramArgs { limits: args.limits.clone(), ..ProgramArgs::default() };
    let limits = plan::limits(&given, &LimitOverrides::default(), Profile::Run)?;
    let program = Program::read(&args.artifact)?;
    let view = View::new(&program, &grants, &limits);
    let text = if args.json {
        serde_json::to_string_pretty(&view).context("the view cannot be written as JSON")? + "\n"
    } else {
        view.to_string()
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write")?;
    let missing = !args.grants.is_empty() && !view.grants_suffice();
    Ok(Exit::Program(u8::from(missing)))
}
