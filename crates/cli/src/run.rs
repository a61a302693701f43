//! `tombolo run`: arguments → plan → artifact → compiled code → opened grants │ cell: load → lock down → call.

mod audit;
mod hints;
mod job;
mod report;

use tombolo_cell::needs_network;
use tombolo_host::{Data, Template, TemplateParts};
use tombolo_sandbox::{CellPlan, Requirement, Verdict, die_of_signal, run_in_cell};

use crate::args::{RunArgs, SandboxArg};
use crate::compiled;
use crate::exit::{Exit, Failure};
use crate::notice;
use crate::plan::Plan;
use crate::program::Program;

use audit::Audit;
use job::Job;

/// Runs a program in a cell of its own and waits for its end.
///
/// # Errors
/// Whatever kept the program from starting; what happens afterwards is the exit code.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let require = requirement(&args.sandbox)?;
    let plan = Plan::new(args)?;
    hints::misplaced_flags(&plan);
    let program = Program::read(&plan.program)?;
    let wasi = program.runs_as()?;
    let engine = compiled::engine(&program.info, &plan.limits)?;
    let code = compiled::prepare(&program, &engine, !args.no_cache)?;
    let audit = audit::open(args.audit.as_deref())?;
    let template = Template::prepare(template_parts(&plan, audit.as_ref()))?;

    let cell = CellPlan {
        network: needs_network(&plan.grants),
        deadline: job::backstop(&plan),
        ..CellPlan::default()
    };
    let job = Job { args, plan: &plan, require, engine, wasi, audit };
    let verdict = run_in_cell(&cell, |entered| job.run(entered, code, template))?;
    Ok(exit(verdict, &plan))
}

fn template_parts(plan: &Plan, audit: Option<&Audit>) -> TemplateParts {
    TemplateParts {
        args: plan.arguments.clone(),
        limits: plan.limits.clone(),
        base: plan.base.clone(),
        host_env: Box::new(|name| std::env::var(name).ok()),
        secrets: plan.secrets.reader(),
        data: plan.data.clone().map(Data::at),
        refusals: audit.map(Audit::sink),
        ..TemplateParts::new(&plan.function, plan.grants.clone())
    }
}

fn requirement(given: &[SandboxArg]) -> anyhow::Result<Requirement> {
    let layers: Vec<&str> = given
        .iter()
        .filter_map(|argument| match argument {
            SandboxArg::Require(layers) => Some(layers.as_str()),
            SandboxArg::Report => None,
        })
        .collect();
    if layers.is_empty() {
        return Ok(Requirement::default());
    }
    Ok(layers.join(",").parse()?)
}

/// How the cell ended, as the shell will see it.
fn exit(verdict: Verdict, plan: &Plan) -> Exit {
    match verdict {
        Verdict::Exited(code) => Exit::Program(code),
        Verdict::DeadlineExceeded => {
            notice!("{}: was killed after its time limit: it did not end by itself", plan.function);
            Exit::WallLimit
        }
        Verdict::Interrupted(signal) => die_of_signal(signal),
        Verdict::Signaled(signal) => {
            notice!("{}: its cell was killed by signal {signal}", plan.function);
            Exit::Signal(signal)
        }
    }
}
