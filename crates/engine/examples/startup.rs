//! Where the time goes between the start of a process and the first instruction of a guest.
//!
//!     cargo run --release -p tombolo-engine --example startup -- ARTIFACT [plain|concurrent] [--compare]
//!
//! Compiles the artifact beside itself once, then prints the microseconds of each step, all of them first times.
//!
//! What it showed, on a virtual machine under load (the relations count, not the figures):
//! - A pool costs 4 ms and 2,000 mappings; instances on demand cost nothing in advance. So: no pool for one run.
//! - An engine with the compiler in it costs 20 us more than one without. Starting threads for it would cost 100.
//! - Mapping code (300 us) is the largest step; it is page faults and decoding of metadata, not size: 5 MiB take 450.
//! - A seal costs 40 us and 0.35 us for each KiB. Reading it through a buffer of 64 KiB rather than 256 took a third
//!   off: each page of fresh memory is a fault.
//! - Each library that asks for the processor's features (SHA-256, BLAKE3, Wasmtime, the C library) costs 10 to
//!   25 us: a virtual machine answers each CPUID instruction itself.
//! - All of this is less than half of the process. The dynamic linker (29,000 relocations, 100 pages copied for them)
//!   is a fifth, the rest is the kernel's exec and exit.

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use tombolo_engine::{
    Authenticated, Budget, Calls, Code, Engine, EngineClass, EngineOptions, HasBudget, Pooling, SealKey, arm,
    digest, inspect, seal,
};
use tombolo_spec::{Limits, Profile};
use wasmtime::{Error, Result, bail, format_err};

struct Data(Budget);

impl HasBudget for Data {
    fn budget(&mut self) -> &mut Budget {
        &mut self.0
    }
}

struct Steps(Instant);

impl Steps {
    fn done(&mut self, step: &str) {
        let took = self.0.elapsed();
        eprintln!("{:>9.1} us  {step}", took.as_nanos() as f64 / 1000.0);
        self.0 = Instant::now();
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let path = arguments
        .get(1)
        .ok_or_else(|| format_err!("usage: startup ARTIFACT [plain|concurrent] [--compare]"))?;
    let class: EngineClass = match arguments.get(2).filter(|argument| *argument != "--compare") {
        Some(class) => class.parse().map_err(Error::msg)?,
        None => EngineClass::Plain,
    };
    let key = SealKey::new([7; 32]);
    let code_path = format!("{path}.{class}.code");
    if !Path::new(&code_path).exists() {
        return compile(path, &code_path, class, &key);
    }
    let mut steps = Steps(Instant::now());
    let artifact = std::fs::read(path)?;
    steps.done("read the artifact");
    digest(&artifact);
    steps.done("sha-256");
    inspect(&artifact)?;
    steps.done("inspect");
    let options = EngineOptions::new(class);
    let engine = Engine::new(&options)?;
    steps.done("engine without compiler, on demand");
    engine.compatibility()?;
    steps.done("compatibility hash");
    let code = Authenticated::open(File::open(&code_path)?, &key, b"example")?;
    steps.done("open and check the seal");
    let code = engine.load(code)?;
    steps.done("map the code");
    instantiate(&engine, &code, &mut steps)?;
    drop((code, engine));
    steps.done("drop");
    match arguments.iter().any(|argument| argument == "--compare") {
        true => compare(&options, &mut steps),
        false => Ok(()),
    }
}

/// Other ways to make an engine.
fn compare(options: &EngineOptions, steps: &mut Steps) -> Result<()> {
    Engine::new(&options.clone().with_compiler(true))?;
    steps.done("an engine with compiler");
    Engine::new(&options.clone().with_pooling(Pooling::Auto))?;
    steps.done("an engine with a pool");
    Ok(())
}

fn compile(path: &str, code_path: &str, class: EngineClass, key: &SealKey) -> Result<()> {
    let artifact = std::fs::read(path)?;
    let kind = inspect(&artifact)?.kind;
    let mut code = Engine::new(&EngineOptions::new(class).with_compiler(true))?.compile(&artifact)?;
    let seal = seal(key, b"example", kind, &code);
    code.extend_from_slice(&seal);
    eprintln!("compiled: {} bytes of {kind} to {} bytes; run again", artifact.len(), code.len());
    Ok(std::fs::write(code_path, code)?)
}

fn instantiate(engine: &Engine, code: &Code, steps: &mut Steps) -> Result<()> {
    let data = Data(Budget::new(&Limits::defaults(Profile::Run)));
    let mut store = wasmtime::Store::new(engine.raw(), data);
    arm(&mut store, Calls::Sync);
    steps.done("store and budget");
    match code {
        Code::Module(module) => {
            let mut linker = wasmtime::Linker::new(engine.raw());
            linker.define_unknown_imports_as_traps(module)?;
            steps.done("link (imports are traps)");
            linker.instantiate(&mut store, module)?;
        }
        Code::Component(component) => {
            let mut linker = wasmtime::component::Linker::new(engine.raw());
            linker.define_unknown_imports_as_traps(component)?;
            steps.done("link (imports are traps)");
            if engine.class() == EngineClass::Concurrent {
                bail!("instantiating a concurrent component needs an executor");
            }
            linker.instantiate(&mut store, component)?;
        }
    }
    steps.done("instantiate");
    drop(store);
    steps.done("drop the store");
    Ok(())
}
