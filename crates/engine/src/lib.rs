//! Loading, compiling, instantiating and limiting WebAssembly.
//!
//! This crate knows Wasmtime and nothing of WASI: what guests can call is the `host` crate's matter, where compiled
//! code is kept is the `store` crate's.

mod arm;
mod budget;
mod compile;
mod config;
mod digest;
mod engine;
mod errors;
mod fault;
pub mod inspect;
mod limits;
mod options;
mod pool;
mod seal;
mod target;
mod ticker;

pub use arm::{Calls, arm};
pub use budget::{Budget, HasBudget};
pub use digest::Digest;
pub use engine::{Code, Engine};
pub use errors::{CompileError, EngineError, LoadError};
pub use fault::{Fault, classify};
pub use inspect::{ArtifactInfo, Entry, Interface, InterfaceName, Kind, Producer, Wasi, class, inspect};
pub use limits::{DEFAULT_STACK_BYTES, InstanceLimits, LimitHit};
pub use options::{EngineClass, EngineOptions, Pooling};
pub use pool::PoolSize;
pub use seal::{Authenticated, SEAL_BYTES, SealError, SealKey, seal};
pub use target::{Target, UnknownTarget};
pub use ticker::{TICK, Ticker, TickerGuard};
