//! Loading, compiling, instantiating and limiting WebAssembly.
//!
//! This crate knows Wasmtime and nothing of WASI: what guests can call is the `host` crate's matter, where compiled
//! code is kept is the `store` crate's.

mod arm;
mod budget;
mod compile;
mod config;
mod engine;
mod errors;
mod fault;
mod host;
pub mod inspect;
mod limits;
mod load;
mod meter;
mod options;
mod pool;
mod seal;
mod shared;
mod target;
mod ticker;

pub use arm::{Calls, Turn, arm};
pub use budget::{Budget, HasBudget};
pub use engine::{Code, Engine};
pub use errors::{CompileError, EngineError, LoadError};
pub use fault::{Fault, Frame, LinkFault, TrapReport, classify, link_fault};
pub use inspect::{
    ArtifactInfo, Entry, Interface, InterfaceName, Kind, Producer, Wasi, class, digest, inspect,
};
pub use limits::LimitHit;
pub use meter::metered_call;
pub use options::{EngineClass, EngineOptions, Pooling};
pub use pool::{MemoryPlan, PoolSize};
pub use seal::{Authenticated, SEAL_BYTES, SealError, SealKey, seal};
pub use shared::{MemoryShare, SharedMemory};
pub use target::{Target, UnknownTarget};
pub use ticker::{Ticker, TickerGuard, when_idle};

/// The engine behind this crate, for `--version` and diagnoses.
pub const ENGINE_VERSION: &str = "wasmtime 48.0.8";

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_that_is_told_is_the_one_that_is_pinned() {
        let manifest = include_str!("../../../Cargo.toml");
        let pinned =
            format!("wasmtime = {{ version = \"={}\"", crate::ENGINE_VERSION.trim_start_matches("wasmtime "));
        assert!(manifest.contains(&pinned), "Cargo.toml does not say {pinned}");
    }
}
