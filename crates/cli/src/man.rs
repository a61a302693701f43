//! The manual page and shell completions, from the one definition in `args`.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::{Exit, Failure};

/// `tombolo completions SHELL`
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tombolo", &mut script);
    std::io::stdout().write_all(&script).context("cannot write the completion script")?;
    Ok(Exit::Program(0))
}

/// `tombolo man [--out DIR]`
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    match &args.out {
        Some(folder) => pages(folder)?,
        None => clap_mangen::Man::new(Cli::command())
            .render(&mut std::io::stdout())
            .context("cannot write the manual page")?,
    }
    Ok(Exit::Program(0))
}

fn pages(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    clap_mangen::generate_to(Cli::command(), folder)
        .with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
    Ok(())
}
