//! The name of an entry of the cache.

use tombolo_engine::{EngineClass, Target};
use tombolo_spec::Digest;

const SUFFIX: &str = ".code";

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
        let CacheKey { digest, compatibility, class, .. } = self;
        format!("{digest}\n{}\n{compatibility}\n{class}\n{target}\n", compatibility.len()).into_bytes()
    }

    /// The entry's file name.
    pub(crate) fn file_name(&self) -> String {
        let hash = blake3::hash(&self.context());
        format!("{}{SUFFIX}", &hash.to_hex()[..40])
    }
}

/// Whether a file name is that of an entry.
pub(crate) fn is_entry(name: &str) -> bool {
    name.strip_suffix(SUFFIX)
        .is_some_and(|hash| hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
