//! From an artifact to code that can be loaded: out of the cache, or compiled and then kept.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use tombolo_engine::{Authenticated, EngineOptions, Kind, SealError, SealKey, seal};

use crate::cache::{CompiledCache, Warning};
use crate::compiler::{CompileFailed, Compiler};
use crate::key::CacheKey;
use crate::node_key::random_key;

/// Code that can be loaded, and what was noticed on the way.
#[derive(Debug)]
pub struct Prepared {
    pub code: Authenticated,
    /// Whether it was in the cache already.
    pub cached: bool,
    pub warnings: Vec<Warning>,
}

/// An artifact to be made ready.
#[derive(Debug, Clone, Copy)]
pub struct Artifact<'a> {
    pub bytes: &'a [u8],
    pub kind: Kind,
    pub key: &'a CacheKey,
}

/// Why there is no code to load.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Compile(#[from] CompileFailed),
    #[error("the compiled code cannot be kept in memory: {0}")]
    Memory(#[from] io::Error),
    #[error("the compiled code {0}")]
    Seal(#[from] SealError),
}

/// Code for `artifact`: from `cache`, or compiled and then put there.
///
/// A cache that fails leaves a warning, and the code is held in memory instead.
///
/// # Errors
/// [`PrepareError`] when the artifact cannot be compiled.
pub fn prepare(
    cache: Option<&CompiledCache>,
    compiler: &Compiler,
    artifact: Artifact<'_>,
    options: &EngineOptions,
) -> Result<Prepared, PrepareError> {
    let mut warnings = Vec::new();
    if let Some(code) = cache.and_then(|cache| found(cache, artifact.key, &mut warnings)) {
        return Ok(Prepared { code, cached: true, warnings });
    }
    let code = compiler.compile(artifact.bytes, options)?;
    let kept = cache.and_then(|cache| kept(cache, artifact, &code, &mut warnings));
    let code = match kept {
        Some(code) => code,
        None => in_memory(artifact.kind, &code)?,
    };
    Ok(Prepared { code, cached: false, warnings })
}

fn found(cache: &CompiledCache, key: &CacheKey, warnings: &mut Vec<Warning>) -> Option<Authenticated> {
    let found = cache.lookup(key);
    warnings.extend(found.warning);
    found.code
}

fn kept(
    cache: &CompiledCache,
    artifact: Artifact<'_>,
    code: &[u8],
    warnings: &mut Vec<Warning>,
) -> Option<Authenticated> {
    match cache.insert(artifact.key, artifact.kind, code) {
        Ok(()) => found(cache, artifact.key, warnings),
        Err(error) => {
            warnings.push(Warning(error.to_string()));
            None
        }
    }
}

/// Code in a file without a name, which nobody can change any more, sealed by a key that is forgotten at once.
fn in_memory(kind: Kind, code: &[u8]) -> Result<Authenticated, PrepareError> {
    let key = SealKey::new(random_key()?);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("tombolo-code", flags).map_err(io::Error::from)?);
    file.write_all(code)?;
    file.write_all(&seal(&key, b"", kind, code))?;
    let unchangeable = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, unchangeable).map_err(io::Error::from)?;
    Ok(Authenticated::open(file, &key, b"")?)
}
