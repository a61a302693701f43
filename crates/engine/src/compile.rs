//! Compiling artifacts in this process.

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::engine::Code;
use crate::errors::CompileError;
use crate::inspect::{Kind, sniff};

/// Compiles a binary to code that can be stored.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    match sniff::kind(wasm)? {
        Kind::Component => engine.precompile_component(wasm),
        Kind::Module => engine.precompile_module(wasm),
    }
    .map_err(invalid)
}

/// Compiles a binary and keeps the code in this process.
pub(crate) fn build(engine: &Engine, wasm: &[u8]) -> Result<Code, CompileError> {
    match sniff::kind(wasm)? {
        Kind::Component => Component::from_binary(engine, wasm).map(Code::Component),
        Kind::Module => Module::from_binary(engine, wasm).map(Code::Module),
    }
    .map_err(invalid)
}

fn invalid(error: wasmtime::Error) -> CompileError {
    CompileError::Invalid(format!("{error:#}"))
}
