//! Compiled code on disk, and the process that makes it.
//!
//! Code is only ever loaded under a seal of this machine: see [`tombolo_engine::seal`]. This crate does not know
//! what the code is used for.

mod cache;
mod child;
mod compiler;
mod evict;
mod folder;
mod key;
mod node_key;
mod prepare;
mod pump;
mod temporary;

pub use cache::{CacheError, CompiledCache, Lookup, Warning};
pub use child::{COMPILE_COMMAND, compiler_main};
pub use compiler::{CompileFailed, Compiler, CompilerLimits};
pub use folder::NotPrivate;
pub use key::CacheKey;
pub use prepare::{Artifact, PrepareError, Prepared, prepare};
