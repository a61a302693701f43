//! Errors of setting up, loading and compiling.

/// The engine could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine cannot be set up: {0}")]
pub struct EngineError(pub(crate) String);

/// Bytes that are not an artifact, or compiled code that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("the file is empty")]
    Empty,
    #[error("not WebAssembly: {0}")]
    NotWasm(String),
    #[error("compiled code, not WebAssembly: give the .wasm that it was compiled from")]
    Precompiled,
    #[error("WebAssembly, but cut off after {bytes} bytes: fetch or build it again")]
    Truncated { bytes: usize },
    #[error(
        "WebAssembly {} of version {number}, which is not supported: build it again with current tools",
        if *.component { "component" } else { "module" }
    )]
    Version { number: u8, component: bool },
    #[error("WebAssembly, but damaged: {0}")]
    Malformed(String),
    #[error("WebAssembly text with an error: {0}")]
    Text(String),
    #[error("a component, but a module is needed here")]
    NeedsModule,
    #[error("a module, but a component is needed here")]
    NeedsComponent,
    #[error("the compiled code does not fit this engine: {0}")]
    Incompatible(String),
}

/// An artifact that could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error(transparent)]
    NoArtifact(#[from] LoadError),
    #[error("invalid WebAssembly: {0}")]
    Invalid(String),
    #[error("this engine was made without a compiler")]
    NoCompiler,
}
