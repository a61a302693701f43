//! The name of an entry of the cache.

use tombolo_engine::{Digest, EngineClass, Target};

/// What compiled code was compiled from, and for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// The artifact.
    pub digest: Digest,
    /// [`Engine::compatibility_hash`](tombolo_engine::Engine::compatibility_hash).
    pub compatibility: String,
    pub class: EngineClass,
    /// `None` is this machine.
    pub target: Option<Target>,
}

impl CacheKey {
    /// Bytes that are equal for equal keys only. They go into the seal, so that no entry can stand in for another.
    pub(crate) fn context(&self) -> Vec<u8> {
        let target = self.target.map_or("host", Target::triple);
        format!("{}\n{}\n{}\n{target}\n", self.digest, self.compatibility, self.class).into_bytes()
    }

    /// The entry's file name.
    pub(crate) fn file_name(&self) -> String {
        let hash = blake3::hash(&self.context());
        format!("{}.code", &hash.to_hex()[..40])
    }
}
