//! Runs guests written as text under the host, as the command line does.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tombolo_engine::{Calls, Engine, EngineClass, EngineOptions, Entry, Wasi, arm, class, inspect};
use tombolo_host::command::Command;
use tombolo_host::stdio::{Input, OutputReader, output_pipe};
use tombolo_host::{Sockets, Stdio, Template, TemplateParts, link_p2, link_p3};
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

/// Runs a built component, of 0.2 or 0.3.
pub(crate) async fn run_args(wasm: &[u8], template: &Arc<Template>) -> Ran {
    run_bytes(wasm, template, "").await
}

pub(crate) async fn run_template(wat: &str, template: &Arc<Template>, stdin: &str) -> Ran {
    run_bytes(wat.as_bytes(), template, stdin).await
}

async fn run_bytes(artifact: &[u8], template: &Arc<Template>, stdin: &str) -> Ran {
    let info = inspect(artifact).unwrap();
    let wasi = if info.entry() == Some(Entry::CommandP3) { Wasi::P3 } else { Wasi::P2 };
    let engine = engine(class(&info));
    let (stdout, stdout_reader) = output_pipe(4);
    let (stderr, stderr_reader) = output_pipe(4);
    let stdio = Stdio { stdin: Input::bytes(Bytes::copy_from_slice(stdin.as_bytes())), stdout, stderr };
    let mut store = Store::new(engine.raw(), template.instantiate(stdio));
    arm(&mut store, Calls::Async);
    let code = engine.build(artifact).unwrap();
    let command = Command::link(engine.raw(), &code, wasi).unwrap();
    let run = async move {
        let ended = command.call(&mut store).await;
        drop(store);
        ended.map(|()| 0)
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
    link_p2(&mut linker, Sockets::Own)?;
    link_p3(&mut linker, Sockets::Own)
}

/// A guest program from the folder of built ones (`$TOMBOLO_GUESTS`, or what `scripts/build-guests` prints). Says why
/// and gives nothing where they are not built; fails where everything is required.
pub(crate) fn guest(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("TOMBOLO_GUESTS").map(PathBuf::from).or_else(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-guests");
        let output = std::process::Command::new(script).arg("--print-folder").output().ok()?;
        Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    });
    let path = folder.unwrap_or_default().join(name).with_extension("wasm");
    match std::fs::read(&path) {
        Ok(wasm) => Some(wasm),
        Err(error) => {
            let required = std::env::var("TOMBOLO_TEST_REQUIRE").is_ok_and(|what| what == "all");
            assert!(!required, "{}: {error}; run scripts/build-guests", path.display());
            eprintln!("skipped: {}: {error}; run scripts/build-guests", path.display());
            None
        }
    }
}
