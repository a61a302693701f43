//! `tombolo node`, and the processes that it starts from this same program.

mod cell;
mod egress;
mod gateway;
mod load;
mod verify;

use std::path::PathBuf;

use anyhow::Context;
use tombolo_node::dirs::Dirs;
use tombolo_node::reconcile::Policy;
use tombolo_node::{Ended, Estate, Options, Program, Successor, check, run};

use crate::args::NodeArgs;
use crate::exit::{Exit, Failure};
use crate::notice;
use crate::remote::print;

pub(crate) use cell::cell;
pub(crate) use egress::egress;
pub(crate) use gateway::gateway;
pub(crate) use verify::verify;

/// Runs a node until a signal says stop, or until another program takes its place.
///
/// # Errors
/// Whatever keeps it from starting.
pub(crate) fn node(args: &NodeArgs) -> Result<Exit, Failure> {
    if args.check {
        return print(&format!("{}\n", serde_json::to_string(&check(&options(args)?)?)?));
    }
    let mut estate = Estate::inherited()?;
    let options = options(args)?;
    let api = options.dirs.api_socket();
    loop {
        let ended = run(options.clone(), estate, |addresses, page| {
            addresses.iter().for_each(|address| notice!("serving on {address}"));
            if let Some(page) = page {
                notice!("the page is at http://{page}/");
            }
            notice!("the API is at {}", api.display());
        })?;
        let Successor { program, estate: left } = match ended {
            Ended::Told => return Ok(Exit::Program(0)),
            Ended::Succeeded(successor) => *successor,
        };
        let (left, error) = left.leave_to(&program, &options.program.arguments);
        notice!("{} cannot take this program's place: {error}; this one goes on", program.display());
        estate = Some(left);
    }
}

fn options(args: &NodeArgs) -> Result<Options, Failure> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Options {
        dirs: dirs(args)?,
        listen: args.listen.clone(),
        api: args.api,
        admin: args.admin,
        workers: args.workers.unwrap_or_else(processors),
        cell_memory_bytes: args.memory.bytes(),
        policy: Policy { trial: args.trial, ..Policy::default() },
        program: Program {
            path: std::env::current_exe().context("where this program is")?,
            arguments: std::env::args_os().skip(1).collect(),
        },
    })
}

fn dirs(args: &NodeArgs) -> Result<Dirs, Failure> {
    let absolute =
        |path: &PathBuf| std::path::absolute(path).with_context(|| format!("{}: no folder", path.display()));
    let mut dirs = match (&args.state, Dirs::usual()) {
        (_, Ok(dirs)) => dirs,
        (Some(state), Err(_)) => {
            let state = absolute(state)?;
            Dirs { runtime: state.join("run"), config: state.join("config"), state }
        }
        (None, Err(error)) => return Err(error.into()),
    };
    if let Some(state) = &args.state {
        dirs.state = absolute(state)?;
    }
    if let Some(runtime) = &args.runtime {
        dirs.runtime = absolute(runtime)?;
    }
    if let Some(config) = &args.config {
        dirs.config = absolute(config)?;
    }
    Ok(dirs)
}
