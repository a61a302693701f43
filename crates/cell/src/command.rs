//! One program, once, in the foreground: what `tombolo run` does inside its cell.
//!
//! `load` and `link` come before the process is locked down, `run` after.

use std::sync::Arc;
use std::time::Duration;

use tombolo_engine::{
    Authenticated, Calls, Code, Engine, Fault, HasBudget, LimitHit, LoadError, Ticker, Wasi, arm, classify,
};
use tombolo_host::command::{Command, exit_code};
use tombolo_host::stdio::ClosedPipe;
use tombolo_host::{Guest, Stdio, Template};
use tombolo_spec::{LimitName, LimitValue};
use wasmtime::Store;

/// A program that is ready to run.
pub struct Program {
    engine: Engine,
    command: Command,
    template: Arc<Template>,
}

/// How a program ended.
#[derive(Debug)]
pub enum Ended {
    /// With this exit code.
    Exited(i32),
    /// Because it reached its wall-clock limit.
    OutOfTime(LimitHit),
    /// By a trap or another limit.
    Faulted(Fault),
    /// Because nobody reads its output any more.
    ClosedPipe,
}

/// Why a program could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An import that nothing provides, in the engine's words.
    #[error("{0}")]
    Link(String),
    #[error("cannot start the event loop: {0}")]
    Runtime(#[from] std::io::Error),
}

impl Program {
    /// Loads compiled code and resolves its imports.
    ///
    /// # Errors
    /// [`NotReady`], before any code of the program has run.
    pub fn load(
        engine: Engine,
        code: Authenticated,
        wasi: Wasi,
        template: Template,
    ) -> Result<Program, NotReady> {
        let code: Code = engine.load(code)?;
        let command =
            Command::link(engine.raw(), &code, wasi).map_err(|error| NotReady::Link(format!("{error:#}")))?;
        Ok(Program { engine, command, template: Arc::new(template) })
    }

    /// What the program was made from: its ledger and its grants.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// Runs the program to its end on the calling thread.
    ///
    /// # Errors
    /// [`NotReady::Runtime`] when the event loop cannot start.
    pub fn run(&self, stdio: Stdio, time: Option<Duration>) -> Result<Ended, NotReady> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(self.invoke(stdio, time));
        // A read of standard input may still wait in a thread; the process ends with it.
        runtime.shutdown_background();
        Ok(ended)
    }

    async fn invoke(&self, stdio: Stdio, time: Option<Duration>) -> Ended {
        let mut store = Store::new(self.engine.raw(), self.template.instantiate(stdio));
        arm(&mut store, Calls::Async);
        let ticking = Ticker::new(&self.engine).guard();
        let call = self.command.call(&mut store);
        let outcome = match time {
            None => call.await,
            Some(time) => match tokio::time::timeout(time, call).await {
                Ok(outcome) => outcome,
                Err(_) => return Ended::OutOfTime(out_of_time(time)),
            },
        };
        drop(ticking);
        ended(outcome, &mut store)
    }
}

fn ended(outcome: wasmtime::Result<()>, store: &mut Store<Guest>) -> Ended {
    let Err(error) = outcome else { return Ended::Exited(0) };
    if error.downcast_ref::<ClosedPipe>().is_some() {
        return Ended::ClosedPipe;
    }
    match classify(&error, exit_code, store.data_mut().budget()) {
        Fault::Exit(code) => Ended::Exited(code),
        fault => Ended::Faulted(fault),
    }
}

fn out_of_time(time: Duration) -> LimitHit {
    LimitHit { name: LimitName::Time, value: LimitValue::Time(time) }
}
