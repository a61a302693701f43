//! Caches and compilers for tests.

#![allow(dead_code, reason = "each test file uses a part")]

use std::path::PathBuf;

use tombolo_engine::{Code, Engine, EngineClass, EngineOptions, digest, inspect};
use tombolo_spec::ByteSize;
use tombolo_store::{Artifact, CacheKey, CompiledCache, Compiler, CompilerLimits};

pub(crate) type TestResult = Result<(), Box<dyn std::error::Error>>;

/// A module whose code differs with `number`.
pub(crate) fn module(number: u32) -> Vec<u8> {
    let text = format!(r#"(module (func (export "run") (result i32) i32.const {number}))"#);
    wat::parse_str(text).expect("a module")
}

pub(crate) fn options() -> EngineOptions {
    EngineOptions::new(EngineClass::Plain)
}

pub(crate) fn key(artifact: &[u8]) -> CacheKey {
    CacheKey {
        digest: digest(artifact),
        compatibility: Engine::compatibility_hash(&options()).expect("a hash"),
        class: EngineClass::Plain,
        target: None,
    }
}

pub(crate) fn artifact<'a>(bytes: &'a [u8], key: &'a CacheKey) -> Artifact<'a> {
    Artifact { bytes, kind: inspect(bytes).expect("an artifact").kind, key }
}

/// The example `compiler` of this crate, which Cargo builds along with its tests.
pub(crate) fn compiler_program() -> PathBuf {
    let mut path = std::env::current_exe().expect("a path");
    path.pop();
    path.pop();
    path.join("examples/compiler")
}

pub(crate) fn compiler() -> Compiler {
    Compiler::new(compiler_program(), vec![tombolo_store::COMPILE_COMMAND.into()], CompilerLimits::default())
}

pub(crate) fn limited(limits: CompilerLimits) -> Compiler {
    Compiler::new(compiler_program(), Vec::new(), limits)
}

/// A program that is no compiler.
pub(crate) fn shell(script: &str) -> Compiler {
    let limits = CompilerLimits { memory: ByteSize::mib(1024), ..CompilerLimits::default() };
    Compiler::new("/bin/sh".into(), vec!["-c".into(), script.into()], limits)
}

pub(crate) fn cache(dir: &std::path::Path) -> CompiledCache {
    let (cache, warning) = CompiledCache::open(dir, 64 << 20).expect("a cache");
    assert_eq!(warning, None);
    cache
}

/// What the export `run` of compiled code answers.
pub(crate) fn answer(code: tombolo_engine::Authenticated) -> Result<i32, Box<dyn std::error::Error>> {
    let engine = Engine::new(&options())?;
    let Code::Module(module) = engine.load(code)? else { return Err("a component".into()) };
    let mut store = wasmtime::Store::new(engine.raw(), ());
    store.set_epoch_deadline(1);
    let instance = wasmtime::Instance::new(&mut store, &module, &[])?;
    Ok(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?)
}
