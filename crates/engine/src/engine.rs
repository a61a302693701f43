//! The engine: settings made once, shared by everything that runs in a process.

use std::hash::{Hash, Hasher};

use wasmtime::Module;
use wasmtime::component::Component;

use crate::config::config;
use crate::errors::{CompileError, EngineError, LoadError};
use crate::inspect::{Kind, sniff};
use crate::options::{EngineClass, EngineOptions, Pooling};
use crate::pool::{Machine, MemoryPlan, PoolSize};
use crate::seal::Authenticated;
use crate::{compile, host, load};

/// A configured WebAssembly engine. Cheap to clone; clones share one engine.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    options: EngineOptions,
    plan: MemoryPlan,
}

/// Code that is ready to be linked and instantiated.
#[derive(Clone)]
pub enum Code {
    Module(Module),
    Component(Component),
}

impl Code {
    /// Module or component.
    pub fn kind(&self) -> Kind {
        match self {
            Code::Module(_) => Kind::Module,
            Code::Component(_) => Kind::Component,
        }
    }
}

impl Engine {
    /// An engine for `options`.
    ///
    /// # Errors
    /// [`EngineError`] when the settings do not fit together or the machine refuses the memory asked for.
    pub fn new(options: &EngineOptions) -> Result<Engine, EngineError> {
        let (inner, plan) = match options.pooling {
            Pooling::Never => (make(options, None)?, on_demand("none was asked for")),
            Pooling::Pool(size) => (make(options, Some(&size))?, MemoryPlan::Pool(size)),
            Pooling::Auto => with_largest_pool(options)?,
        };
        Ok(Engine { inner, options: options.clone(), plan })
    }

    /// What the engine was made for.
    pub fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// The engine's class.
    pub fn class(&self) -> EngineClass {
        self.options.class
    }

    /// Where instances get their memory from.
    pub fn memory_plan(&self) -> &MemoryPlan {
        &self.plan
    }

    /// Wasmtime's engine, for linking and instantiation.
    pub fn raw(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Compiles an artifact (binary or text) into code that [`Engine::load`] accepts once it is sealed.
    ///
    /// Compiling hostile input in this process puts it at the mercy of the compiler: the `store` crate does it in a
    /// process of its own.
    ///
    /// # Errors
    /// [`CompileError`] when the artifact is not valid or the engine has no compiler.
    pub fn compile(&self, artifact: &[u8]) -> Result<Vec<u8>, CompileError> {
        let wasm = self.checked(artifact)?;
        compile::compile(&self.inner, &wasm)
    }

    /// Compiles and loads in one step, in this process, for tests and tools.
    ///
    /// # Errors
    /// As [`Engine::compile`].
    pub fn build(&self, artifact: &[u8]) -> Result<Code, CompileError> {
        let wasm = self.checked(artifact)?;
        compile::build(&self.inner, &wasm)
    }

    /// Loads compiled code by mapping the file; nothing is copied.
    ///
    /// # Errors
    /// [`LoadError::Incompatible`] when the code was made for other settings, another version or another processor.
    pub fn load(&self, code: Authenticated) -> Result<Code, LoadError> {
        load::load(&self.inner, code)
    }

    /// A text that is equal for two engines when code compiled for one loads in the other.
    ///
    /// It covers Wasmtime's version, all settings that shape code, and the target or else the processor at hand.
    ///
    /// # Errors
    /// [`EngineError`] when the settings do not fit together.
    pub fn compatibility_hash(options: &EngineOptions) -> Result<String, EngineError> {
        let loader = EngineOptions { compiler: false, pooling: Pooling::Never, ..options.clone() };
        Ok(fingerprint(&make(&loader, None)?, options))
    }

    /// The same for this engine, without making another one where it can be avoided.
    pub fn compatibility(&self) -> Result<String, EngineError> {
        match self.options.compiler {
            false => Ok(fingerprint(&self.inner, &self.options)),
            true => Engine::compatibility_hash(&self.options),
        }
    }

    fn checked<'a>(&self, artifact: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, CompileError> {
        match self.options.compiler {
            true => Ok(sniff::binary(artifact)?),
            false => Err(CompileError::NoCompiler),
        }
    }
}

fn make(options: &EngineOptions, pool: Option<&PoolSize>) -> Result<wasmtime::Engine, EngineError> {
    config(options, pool)
        .and_then(|config| without_administration(|| wasmtime::Engine::new(&config)))
        .map_err(|error| EngineError(format!("{error:#}")))
}

/// Does `act` without root's right to know where pages lie in the machine's memory. The page map that the pool keeps
/// open then never tells, not even a guest that takes over the process (proc(5), `/proc/pid/pagemap`).
fn without_administration<T>(act: impl FnOnce() -> T) -> T {
    use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
    let Ok(own) = capabilities(None) else { return act() };
    let fewer = CapabilitySets { effective: own.effective - CapabilitySet::SYS_ADMIN, ..own };
    // A thread may always do without a right, and take it back that it is permitted.
    let _ = set_capabilities(None, fewer);
    let done = act();
    let _ = set_capabilities(None, own);
    done
}

/// Tries pools from the one that fits the machine's memory down to the smallest.
fn with_largest_pool(options: &EngineOptions) -> Result<(wasmtime::Engine, MemoryPlan), EngineError> {
    let mut next = Some(PoolSize::for_machine(Machine::probe()));
    let mut reason = String::new();
    while let Some(size) = next {
        match make(options, Some(&size)) {
            Ok(engine) => return Ok((engine, MemoryPlan::Pool(size))),
            Err(EngineError(error)) => {
                reason = format!("a pool of {} slots does not fit: {error}", size.slots)
            }
        }
        next = size.smaller();
    }
    Ok((make(options, None)?, on_demand(&reason)))
}

fn on_demand(reason: &str) -> MemoryPlan {
    MemoryPlan::OnDemand { reason: reason.to_owned() }
}

/// Wasmtime's hash covers target and processor only where there is a compiler. Without one it is the same for the
/// process that compiles and the one that loads, and both are added here.
fn fingerprint(engine: &wasmtime::Engine, options: &EngineOptions) -> String {
    let mut hasher = Fingerprint(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    match options.target {
        Some(target) => target.triple().hash(&mut hasher),
        None => host::processor().hash(&mut hasher),
    }
    hasher.0.finalize().to_hex()[..32].to_owned()
}

/// Collects what is hashed; a 64-bit result would invite collisions.
struct Fingerprint(blake3::Hasher);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
