//! The engine: settings made once, shared by everything that runs in a process.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::os::fd::AsRawFd;

use wasmtime::Module;
use wasmtime::component::Component;

use crate::config::config;
use crate::errors::{CompileError, EngineError, LoadError};
use crate::inspect::Kind;
use crate::options::{EngineClass, EngineOptions, Pooling};
use crate::seal::Authenticated;

/// A configured WebAssembly engine. Cheap to clone; clones share one engine.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    options: EngineOptions,
}

/// Code that is ready to be linked and instantiated.
#[derive(Clone)]
pub enum Code {
    Module(Module),
    Component(Component),
}

impl Engine {
    /// An engine for `options`.
    ///
    /// # Errors
    /// [`EngineError`] when the settings do not fit together or the machine refuses the memory asked for.
    pub fn new(options: &EngineOptions) -> Result<Engine, EngineError> {
        let pool = match &options.pooling {
            Pooling::Pool(size) => Some(size),
            Pooling::Auto | Pooling::Never => None,
        };
        let inner = config(options, pool)
            .and_then(|config| wasmtime::Engine::new(&config))
            .map_err(|error| EngineError(format!("{error:#}")))?;
        Ok(Engine { inner, options: options.clone() })
    }

    /// The engine's class.
    pub fn class(&self) -> EngineClass {
        self.options.class
    }

    /// Wasmtime's engine, for linking and instantiation.
    pub fn raw(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Compiles an artifact (binary or text) into code that [`Engine::load`] accepts once it is sealed.
    pub fn compile(&self, artifact: &[u8]) -> Result<Vec<u8>, CompileError> {
        let wasm = crate::compile::binary(artifact)?;
        crate::compile::compile(&self.inner, &wasm)
    }

    /// Compiles and loads in one step, in this process. For tests and tools; needs the compiler.
    pub fn build(&self, artifact: &[u8]) -> Result<Code, CompileError> {
        let wasm = crate::compile::binary(artifact)?;
        crate::compile::build(&self.inner, &wasm)
    }

    /// Loads compiled code by mapping the file; the code itself is not copied.
    ///
    /// # Errors
    /// [`LoadError`] when the code was made for other settings, another version or another processor.
    pub fn load(&self, code: Authenticated) -> Result<Code, LoadError> {
        let Authenticated { file, kind } = code;
        match kind {
            Kind::Module => map_module(&self.inner, file).map(Code::Module),
            Kind::Component => map_component(&self.inner, file).map(Code::Component),
        }
        .map_err(|error| LoadError::Incompatible(format!("{error:#}")))
    }

    /// A short text that is equal for two engines exactly when code of one loads in the other.
    pub fn compatibility_hash(&self) -> String {
        let mut hasher = Fingerprint(blake3::Hasher::new());
        self.inner.precompile_compatibility_hash().hash(&mut hasher);
        hasher.0.finalize().to_hex()[..32].to_owned()
    }
}

#[allow(unsafe_code)] // Mapping code is only sound for code that this machine's compiler made: see SAFETY.
fn map_module(engine: &wasmtime::Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: the file comes out of `Authenticated`, which only `Authenticated::open` makes.
    unsafe { Module::deserialize_open_file(engine, file) }
}

#[allow(unsafe_code)]
fn map_component(engine: &wasmtime::Engine, file: File) -> wasmtime::Result<Component> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: as above; the path leads to the very file that is open, not to a name that could be replaced.
    unsafe { Component::deserialize_file(engine, path) }
}

struct Fingerprint(blake3::Hasher);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
