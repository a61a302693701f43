//! Compiled code on disk, and the process that makes it.

mod cache;
mod child;
mod compiler;
mod key;
mod prepare;

pub use cache::{CacheError, CompiledCache, Lookup, Warning};
pub use child::{COMPILE_COMMAND, compiler_main};
pub use compiler::{CompileFailed, Compiler, CompilerLimits};
pub use key::CacheKey;
pub use prepare::{PrepareError, Prepared, prepare};
