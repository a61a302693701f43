//! Compiled code for a program: out of the user's cache, or from the compiler child and then kept there.

use std::path::PathBuf;

use anyhow::anyhow;
use tombolo_engine::{ArtifactInfo, Authenticated, Engine, EngineOptions, class};
use tombolo_spec::Limits;
use tombolo_store::{Artifact, CacheKey, CompiledCache, Compiler, CompilerLimits, prepare as prepare_code};

use crate::exit::{Exit, Failure, OrExit};
use crate::notice;
use crate::program::Program;

/// The most that compiled programs take up in the user's cache folder.
pub(crate) const CACHE_BYTES_MAX: u64 = 1 << 30;

/// The engine that a program needs: one that loads compiled code and, being for one instance, has no pool. Nothing
/// interrupts the program but the end of its cell; its code is faster then.
///
/// # Errors
/// The machine refuses what the engine asks for.
pub(crate) fn engine(info: &ArtifactInfo, limits: &Limits) -> Result<Engine, Failure> {
    Ok(Engine::new(&EngineOptions::for_one(class(info), limits))?)
}

/// Code for `program` that `engine` loads.
///
/// # Errors
/// The program does not compile.
pub(crate) fn prepare(program: &Program, engine: &Engine, use_cache: bool) -> Result<Authenticated, Failure> {
    let cache = if use_cache { open_cache() } else { None };
    let key = CacheKey {
        digest: program.info.digest,
        compatibility: engine.compatibility()?,
        class: engine.class(),
        target: None,
    };
    let artifact = Artifact { bytes: &program.bytes, kind: program.info.kind, key: &key };
    let compiler = Compiler::this_program(CompilerLimits::default());
    let prepared = prepare_code(cache.as_ref(), &compiler, artifact, engine.options())
        .map_err(|error| anyhow!("{}: {error}", program.path.display()))
        .or_exit(Exit::NotPermitted)?;
    prepared.warnings.iter().for_each(|warning| notice!("{warning}"));
    Ok(prepared.code)
}

/// A cache that cannot be used makes programs start slower; it does not keep them from starting.
fn open_cache() -> Option<CompiledCache> {
    let folder = cache_folder()?;
    match CompiledCache::open(&folder, CACHE_BYTES_MAX) {
        Ok((cache, warning)) => {
            warning.iter().for_each(|warning| notice!("{warning}"));
            Some(cache)
        }
        Err(error) => {
            notice!("compiled programs are not kept: {error}");
            None
        }
    }
}

/// `$XDG_CACHE_HOME/tombolo/compiled`, or the same below `~/.cache`.
fn cache_folder() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    Some(base.join("tombolo/compiled"))
}
