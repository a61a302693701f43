//! From an artifact to code that can be loaded: out of the cache, or compiled and then kept.

use std::fs::File;
use std::io::Write;

use rustix::fs::{MemfdFlags, memfd_create};
use tombolo_engine::{Authenticated, EngineOptions, Kind, SealError, SealKey, seal};

use crate::cache::{CompiledCache, Warning};
use crate::compiler::{CompileFailed, Compiler};
use crate::key::CacheKey;

/// Code that can be loaded, and what was noticed on the way.
#[derive(Debug)]
pub struct Prepared {
    pub code: Authenticated,
    /// Whether it came out of the cache.
    pub cached: bool,
    pub warnings: Vec<Warning>,
}

/// Why there is no code to load.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Compile(#[from] CompileFailed),
    #[error("the compiled code cannot be kept in memory: {0}")]
    Memory(#[from] std::io::Error),
    #[error("the compiled code {0}")]
    Seal(#[from] SealError),
}

/// Code for `artifact`: from `cache`, or compiled and then put there. A cache that fails only leaves a warning.
pub fn prepare(
    cache: Option<&CompiledCache>,
    compiler: &Compiler,
    key: &CacheKey,
    kind: Kind,
    artifact: &[u8],
    options: &EngineOptions,
) -> Result<Prepared, PrepareError> {
    let mut warnings = Vec::new();
    if let Some(cache) = cache {
        let found = cache.lookup(key);
        warnings.extend(found.warning);
        if let Some(code) = found.code {
            return Ok(Prepared { code, cached: true, warnings });
        }
    }
    let code = compiler.compile(artifact, options)?;
    if let Some(cache) = cache
        && let Err(error) = cache.insert(key, kind, &code)
    {
        warnings.push(Warning(format!("the compiled code was not kept: {error}")));
    }
    Ok(Prepared { code: in_memory(kind, &code)?, cached: false, warnings })
}

/// Code in a file without a name, sealed by a key that nobody else ever has.
fn in_memory(kind: Kind, code: &[u8]) -> Result<Authenticated, PrepareError> {
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(std::io::Error::from)?;
    let key = SealKey::new(bytes);
    let file = memfd_create("tombolo-code", MemfdFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let mut file = File::from(file);
    file.write_all(code)?;
    file.write_all(&seal(&key, b"", kind, code))?;
    Ok(Authenticated::open(file, &key, b"")?)
}
