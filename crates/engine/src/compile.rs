//! Compiling artifacts in this process.

use std::borrow::Cow;

use wasmtime::Module;
use wasmtime::component::Component;

use crate::engine::Code;
use crate::errors::CompileError;

/// The binary form of an artifact: itself, or the translation of its text form.
pub(crate) fn binary(artifact: &[u8]) -> Result<Cow<'_, [u8]>, CompileError> {
    wat::parse_bytes(artifact).map_err(|error| CompileError::Text(error.to_string()))
}

/// Compiles a binary to serialised code.
pub(crate) fn compile(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Vec<u8>, CompileError> {
    match wasmparser::Parser::is_component(wasm) {
        true => engine.precompile_component(wasm),
        false => engine.precompile_module(wasm),
    }
    .map_err(invalid)
}

/// Compiles a binary and keeps the code in this process.
pub(crate) fn build(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Code, CompileError> {
    match wasmparser::Parser::is_component(wasm) {
        true => Component::from_binary(engine, wasm).map(Code::Component),
        false => Module::from_binary(engine, wasm).map(Code::Module),
    }
    .map_err(invalid)
}

fn invalid(error: wasmtime::Error) -> CompileError {
    CompileError::Invalid(format!("{error:#}"))
}
