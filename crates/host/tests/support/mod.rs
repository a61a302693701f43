//! Runs guests written as text under the host, as the command line does.

#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;

use bytes::Bytes;
use tombolo_engine::{Calls, Code, Engine, EngineClass, EngineOptions, arm};
use tombolo_host::stdio::{Input, OutputReader, output_pipe};
use tombolo_host::{Guest, Stdio, Template, TemplateParts, link_p1, link_p2, link_p3};
use tombolo_spec::{Grant, GrantSet};
use wasmtime::Store;
use wasmtime_wasi::I32Exit;

/// Grants from their lines.
pub(crate) fn grants(lines: &[&str]) -> GrantSet {
    lines.iter().map(|line| line.parse::<Grant>().unwrap_or_else(|error| panic!("{error:#}"))).collect()
}

pub(crate) fn engine(class: EngineClass) -> Engine {
    Engine::new(&EngineOptions::new(class).with_compiler(true)).unwrap()
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Zero when the program returned.
    pub(crate) exit: i32,
    /// Why it ended otherwise.
    pub(crate) error: Option<wasmtime::Error>,
}

/// Runs a module or component of the plain class to its end.
pub(crate) async fn run(wat: &str, parts: TemplateParts, stdin: &str) -> (Ran, Arc<Template>) {
    let template = Arc::new(Template::prepare(parts).unwrap());
    let ran = run_template(wat, &template, stdin).await;
    (ran, template)
}

pub(crate) async fn run_template(wat: &str, template: &Arc<Template>, stdin: &str) -> Ran {
    let engine = engine(EngineClass::Plain);
    let (stdout, stdout_reader) = output_pipe(4);
    let (stderr, stderr_reader) = output_pipe(4);
    let stdio = Stdio { stdin: Input::bytes(Bytes::copy_from_slice(stdin.as_bytes())), stdout, stderr };
    let mut store = Store::new(engine.raw(), template.instantiate(stdio));
    arm(&mut store, Calls::Async);
    let code = engine.build(wat.as_bytes()).unwrap();
    let run = async move {
        let ended = match code {
            Code::Module(module) => run_module(&mut store, &module).await,
            Code::Component(component) => run_component(&mut store, &component).await,
        };
        drop(store);
        ended
    };
    let (ended, stdout, stderr) = tokio::join!(run, collect(stdout_reader), collect(stderr_reader));
    let (exit, error) = match ended {
        Ok(exit) => (exit, None),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => (exit.0, None),
            None => (-1, Some(error)),
        },
    };
    Ran { stdout, stderr, exit, error }
}

async fn run_module(store: &mut Store<Guest>, module: &wasmtime::Module) -> wasmtime::Result<i32> {
    let mut linker = wasmtime::Linker::new(store.engine());
    link_p1(&mut linker)?;
    let instance = linker.instantiate_async(&mut *store, module).await?;
    let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
    start.call_async(store, ()).await?;
    Ok(0)
}

async fn run_component(
    store: &mut Store<Guest>,
    component: &wasmtime::component::Component,
) -> wasmtime::Result<i32> {
    let mut linker = wasmtime::component::Linker::new(store.engine());
    link_p2(&mut linker)?;
    let command =
        wasmtime_wasi::p2::bindings::Command::instantiate_async(&mut *store, component, &linker).await?;
    let ended = command.wasi_cli_run().call_run(store).await?;
    Ok(i32::from(ended.is_err()))
}

async fn collect(mut reader: OutputReader) -> String {
    let mut all = Vec::new();
    while let Some(chunk) = reader.next().await {
        all.extend_from_slice(&chunk);
    }
    String::from_utf8(all).unwrap()
}

/// The linkers do not contradict each other.
pub(crate) fn link_everything(engine: &Engine) -> wasmtime::Result<()> {
    let mut linker = wasmtime::component::Linker::new(engine.raw());
    link_p2(&mut linker)?;
    link_p3(&mut linker)
}
