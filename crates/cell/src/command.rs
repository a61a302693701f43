//! One program, once, in the foreground: what `tombolo run` does inside its cell.
//!
//! `load` and `link` come before the process is locked down, `run` after.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::Builder;

use tombolo_engine::{
    Authenticated, Calls, Code, Engine, Fault, HasBudget, LimitHit, LoadError, Wasi, arm, classify,
};
use tombolo_host::command::{Command, exit_code};
use tombolo_host::stdio::ClosedPipe;
use tombolo_host::{Guest, Stdio, Template};
use tombolo_spec::{LimitName, Limits};
use wasmtime::Store;

use crate::limit_watch::Time;

/// The watch over a program's time calls what prints and ends the process, and nothing deep.
const WATCH_STACK_BYTES: usize = 256 * 1024;

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
    /// Nothing interrupts it but the end of the process: when a limit of time is reached, `time_is_up` is called from
    /// another thread while the program still runs, and has to end the process.
    ///
    /// # Errors
    /// [`NotReady::Runtime`] when the event loop or the watch over its time cannot start.
    pub fn run(
        &self,
        stdio: Stdio,
        limits: &Limits,
        time_is_up: impl FnOnce(Ended) + Send,
    ) -> Result<Ended, NotReady> {
        let time = Time::from_now(limits.time(), limits.cpu());
        let (running, ended) = channel();
        std::thread::scope(|scope| {
            if time.is_limited() {
                let watch = move || {
                    if let Some(hit) = time.watch(&ended) {
                        time_is_up(out_of_time(hit));
                    }
                };
                Builder::new()
                    .name("limits".into())
                    .stack_size(WATCH_STACK_BYTES)
                    .spawn_scoped(scope, watch)?;
            }
            let ended = self.run_freely(stdio);
            drop(running);
            ended
        })
    }

    fn run_freely(&self, stdio: Stdio) -> Result<Ended, NotReady> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ended = runtime.block_on(self.invoke(stdio));
        // A read of standard input may still wait in a thread; the process ends with it.
        runtime.shutdown_background();
        Ok(ended)
    }

    async fn invoke(&self, stdio: Stdio) -> Ended {
        let mut store = Store::new(self.engine.raw(), self.template.instantiate(stdio));
        arm(&mut store, Calls::Async);
        let outcome = self.command.call(&mut store).await;
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

fn out_of_time(hit: LimitHit) -> Ended {
    if hit.name == LimitName::Time { Ended::OutOfTime(hit) } else { Ended::Faulted(Fault::Limit(hit)) }
}
