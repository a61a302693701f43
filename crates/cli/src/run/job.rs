//! The part of `tombolo run` that happens inside the cell: fewer rights with each step.

use std::time::Duration;

use anyhow::anyhow;
use tombolo_cell::command::{Ended, NotReady, Program};
use tombolo_cell::policy;
use tombolo_engine::{Authenticated, Engine, Wasi};
use tombolo_host::ledger::Report;
use tombolo_host::{Stdio, Template};
use tombolo_sandbox::{Entered, Layers, Policy, Requirement};

use super::audit::Audit;
use super::report;
use crate::args::{RunArgs, SandboxArg};
use crate::exit::{Exit, Failure, OrExit};
use crate::notice;
use crate::plan::Plan;

/// How long after its time limit a program that doesn't end is killed from outside.
const BACKSTOP: Duration = Duration::from_secs(2);

/// Threads that run the program.
const READERS: usize = 1;

/// The signal that a native program gets when nobody reads its output any more.
const SIGPIPE: i32 = 13;

/// One run, as the cell sees it.
pub(super) struct Job<'a> {
    pub args: &'a RunArgs,
    pub plan: &'a Plan,
    pub require: Requirement,
    pub engine: Engine,
    pub wasi: Wasi,
    pub audit: Option<Audit>,
}

/// When the front kills the cell although the cell keeps its own time.
pub(super) fn backstop(plan: &Plan) -> Option<Duration> {
    plan.limits.time().map(|time| time.saturating_add(BACKSTOP))
}

impl Job<'_> {
    /// Everything from loading the code to the program's end; returns the exit code.
    pub(super) fn run(self, entered: Entered, code: Authenticated, template: Template) -> u8 {
        Self::code(self.try_run(&entered, code, template))
    }

    fn code(result: Result<Exit, Failure>) -> u8 {
        match result {
            Ok(exit) => exit.code(),
            Err(failure) => {
                notice!("{failure}");
                failure.exit.code()
            }
        }
    }

    fn try_run(&self, entered: &Entered, code: Authenticated, template: Template) -> Result<Exit, Failure> {
        let program = Program::load(self.engine.clone(), code, self.wasi, template)
            .map_err(|error| self.not_ready(error))?;
        let template = program.template();
        template.open_stores(READERS)?;
        let layers = entered
            .lock_down(&Policy { require: self.require.clone(), ..policy(template) })
            .or_exit(Exit::NotPermitted)?;
        self.show(&layers);
        let finish = |ended| {
            self.account(&template.ledger().report())?;
            Ok::<_, Failure>(self.exit(ended, entered))
        };
        let time_is_up = |ended| entered.ending().with_code(Self::code(finish(ended)));
        finish(program.run(Stdio::inherit(), &self.plan.limits, time_is_up)?)
    }

    fn account(&self, report: &Report) -> Result<(), Failure> {
        if let Some(audit) = &self.audit {
            audit.close(report)?;
        }
        if self.args.report {
            report::print(report);
        }
        Ok(())
    }

    fn show(&self, layers: &Layers) {
        if self.args.sandbox.contains(&SandboxArg::Report) {
            eprint!("{layers}");
        }
    }

    fn not_ready(&self, error: NotReady) -> Failure {
        let exit = if matches!(error, NotReady::Link(_)) { Exit::NotPermitted } else { Exit::Own };
        Failure::new(exit, anyhow!("{}: {error}", self.plan.program.display()))
    }

    fn exit(&self, ended: Ended, entered: &Entered) -> Exit {
        let name = &self.plan.function;
        match ended {
            // As the kernel does it: a status is eight bits.
            Ended::Exited(code) => Exit::Program(code.to_le_bytes()[0]),
            Ended::ClosedPipe => entered.ending().by_signal(SIGPIPE),
            Ended::OutOfTime(limit) => {
                notice!("{name}: {limit}");
                Exit::WallLimit
            }
            Ended::Faulted(fault) => {
                notice!("{name}: {fault}");
                Exit::Trap
            }
        }
    }
}
