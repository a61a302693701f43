//! Programs with a beginning and an end: `_start` of a module, `wasi:cli/run` of a component.

use tombolo_engine::{Code, Wasi};
use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{Engine, InstancePre, Linker, Store};
use wasmtime_wasi::{I32Exit, p2, p3};

use crate::{Guest, Sockets, link_p1, link_p2, link_p3};

/// A program whose imports are resolved; can be called any number of times, each time as a new instance.
pub enum Command {
    /// A core module of WASI 0.1.
    P1(InstancePre<Guest>),
    /// A component that exports `wasi:cli/run@0.2`.
    P2(p2::bindings::CommandPre<Guest>),
    /// A component that exports `wasi:cli/run@0.3`.
    P3(p3::bindings::CommandPre<Guest>),
}

impl Command {
    /// Links a program. `wasi` is the version of its entry point.
    ///
    /// # Errors
    /// An import that nothing provides, or with another signature; a missing entry point.
    pub fn link(engine: &Engine, code: &Code, wasi: Wasi) -> wasmtime::Result<Command> {
        match code {
            Code::Module(module) => {
                let mut linker = Linker::new(engine);
                link_p1(&mut linker)?;
                Ok(Command::P1(linker.instantiate_pre(module)?))
            }
            Code::Component(component) => {
                let mut linker = ComponentLinker::new(engine);
                link_p2(&mut linker, Sockets::Own)?;
                if wasi == Wasi::P3 {
                    link_p3(&mut linker, Sockets::Own)?;
                    return Ok(Command::P3(p3::bindings::CommandPre::new(
                        linker.instantiate_pre(component)?,
                    )?));
                }
                Ok(Command::P2(p2::bindings::CommandPre::new(linker.instantiate_pre(component)?)?))
            }
        }
    }

    /// Instantiates and runs the program to its end, in a store that is armed.
    ///
    /// # Errors
    /// Whatever ended the program other than returning: its exit included, see [`exit_code`].
    pub async fn call(&self, store: &mut Store<Guest>) -> wasmtime::Result<()> {
        match self {
            Command::P1(pre) => {
                let instance = pre.instantiate_async(&mut *store).await?;
                let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
                start.call_async(store, ()).await
            }
            Command::P2(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                said(command.wasi_cli_run().call_run(store).await?)
            }
            Command::P3(pre) => {
                let command = pre.instantiate_async(&mut *store).await?;
                let run =
                    store.run_concurrent(async |accessor| command.wasi_cli_run().call_run(accessor).await);
                said(run.await??)
            }
        }
    }
}

/// The code with which a program exited by calling `exit`.
pub fn exit_code(error: &wasmtime::Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}

/// A component says only that it went well or did not: 0 or 1, as an exit code.
fn said(outcome: Result<(), ()>) -> wasmtime::Result<()> {
    outcome.map_err(|()| I32Exit(1).into())
}
