//! What an engine is asked to be, and its translation into Wasmtime's settings.

use std::fmt;
use std::str::FromStr;

use tombolo_spec::{ByteSize, Limits};

use crate::pool::PoolSize;

/// The default of the limit `stack`.
const DEFAULT_STACK_BYTES: usize = ByteSize::mib(1).bytes() as usize;

/// The two ways an artifact is compiled and run. Code of one class does not load in the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EngineClass {
    /// WASI 0.1 and 0.2: no concurrency inside the component model, the fastest start of an instance.
    Plain,
    /// WASI 0.3: async exports and imports, streams and futures.
    Concurrent,
}

impl EngineClass {
    /// The class' stable name, as it stands in cache keys: `plain` or `concurrent`.
    pub fn name(self) -> &'static str {
        match self {
            EngineClass::Plain => "plain",
            EngineClass::Concurrent => "concurrent",
        }
    }
}

impl fmt::Display for EngineClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EngineClass {
    type Err = String;

    fn from_str(text: &str) -> Result<EngineClass, String> {
        [EngineClass::Plain, EngineClass::Concurrent]
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or_else(|| format!("unknown engine class {text:?}; write \"plain\" or \"concurrent\""))
    }
}

/// How instances get their memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooling {
    /// A pool as large as this machine's memory and address space allow, else on demand with the reason reported.
    #[default]
    Auto,
    /// On demand: nothing is reserved in advance. The better choice for a process that runs one instance.
    Never,
    /// Exactly this pool; creating the engine fails where it does not fit.
    Pool(PoolSize),
}

/// What an [`Engine`](crate::Engine) is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    pub class: EngineClass,
    pub pooling: Pooling,
    /// Stack that guest code may use, in bytes.
    pub stack_bytes: usize,
    /// Whether guest code looks at the clock, at each function and each turn of a loop. Needed where guests share a
    /// process; a program that has one to itself goes without, and its process ends when its time is up.
    ///
    /// It costs 3 % (SHA-256), 8 to 14 % (sorting), 23 % (JSON: small functions, a turn for each byte).
    pub interruptible: bool,
    /// Whether this engine can compile. Without a compiler it only loads compiled code, and starts faster.
    pub compiler: bool,
    /// Compile on all processors (`RAYON_NUM_THREADS` says otherwise). Only pays for large artifacts.
    pub parallel: bool,
    /// Compile for this machine type instead of the machine at hand. Such code does not load here.
    pub target: Option<crate::Target>,
}

impl EngineOptions {
    /// Options of an engine that loads compiled code, with the default stack of 1 MiB.
    pub fn new(class: EngineClass) -> EngineOptions {
        EngineOptions {
            class,
            pooling: Pooling::Never,
            stack_bytes: DEFAULT_STACK_BYTES,
            interruptible: true,
            compiler: false,
            parallel: false,
            target: None,
        }
    }

    /// The same options with the stack that `limits` grant.
    pub fn with_limits(self, limits: &Limits) -> EngineOptions {
        let stack_bytes = usize::try_from(limits.stack().bytes()).unwrap_or(usize::MAX);
        EngineOptions { stack_bytes, ..self }
    }

    /// Options for one program in a process of its own, which ends with the process and is not interruptible.
    pub fn for_one(class: EngineClass, limits: &Limits) -> EngineOptions {
        EngineOptions { interruptible: false, ..EngineOptions::new(class).with_limits(limits) }
    }

    /// The same options with the compiler in or out.
    pub fn with_compiler(self, compiler: bool) -> EngineOptions {
        EngineOptions { compiler, ..self }
    }

    /// The same options for another target.
    pub fn with_target(self, target: Option<crate::Target>) -> EngineOptions {
        EngineOptions { target, ..self }
    }

    /// The same options with another way to get memory.
    pub fn with_pooling(self, pooling: Pooling) -> EngineOptions {
        EngineOptions { pooling, ..self }
    }
}
