//! What an artifact is, read from its bytes alone: kind, WASI version, imports, exports, origin.
//!
//! Reading never runs or compiles anything, never fails by panic, and its work is bounded by the artifact's size.

mod asyncness;
mod names;
mod scan;
pub(crate) mod sniff;

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tombolo_spec::Digest;

use crate::errors::LoadError;
use crate::options::EngineClass;

pub use names::InterfaceName;

/// A core module or a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Module,
    Component,
}

/// A generation of WASI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Wasi {
    /// No WASI interface is used.
    #[serde(rename = "none")]
    None,
    #[serde(rename = "0.1")]
    P1,
    #[serde(rename = "0.2")]
    P2,
    #[serde(rename = "0.3")]
    P3,
}

/// A way in which an artifact can be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// Exports `wasi:http/handler@0.3`.
    HttpP3,
    /// Exports `wasi:http/incoming-handler@0.2`.
    HttpP2,
    /// Exports `wasi:cli/run@0.3`.
    CommandP3,
    /// Exports `wasi:cli/run@0.2`.
    CommandP2,
    /// A module with `_start`: a program.
    Start,
    /// A module with `_initialize`: a library that wants to be initialised once.
    Initialize,
}

/// One imported or exported interface, or a bare function, and the functions named in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// `wasi:http/types@0.2.6`, `wasi_snapshot_preview1`, or a plain name.
    pub name: String,
    /// Functions by name, as far as the artifact spells them out.
    pub functions: Vec<String>,
}

/// A tool or language that made a part of the artifact, from its `producers` section.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    pub name: String,
    pub version: String,
}

/// What [`inspect`] finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtifactInfo {
    pub kind: Kind,
    /// The name that the artifact carries, if any.
    pub name: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes as given.
    #[serde(serialize_with = "as_text")]
    pub digest: Digest,
    /// All WASI generations used, ascending. Several can stand side by side.
    pub wasi: Vec<Wasi>,
    pub imports: Vec<Interface>,
    pub exports: Vec<Interface>,
    /// The ways to start it, the preferred one first.
    pub entries: Vec<Entry>,
    pub producers: Vec<Producer>,
    /// Whether the component model's async features are used, whatever WASI says.
    pub uses_async: bool,
}

impl ArtifactInfo {
    /// The newest WASI generation in use.
    pub fn newest_wasi(&self) -> Wasi {
        self.wasi.last().copied().unwrap_or(Wasi::None)
    }

    /// Checks that this is of the `kind` that is needed.
    ///
    /// # Errors
    /// [`LoadError::NeedsModule`] or [`LoadError::NeedsComponent`].
    pub fn require(&self, kind: Kind) -> Result<(), LoadError> {
        match (kind, self.kind == kind) {
            (_, true) => Ok(()),
            (Kind::Module, false) => Err(LoadError::NeedsModule),
            (Kind::Component, false) => Err(LoadError::NeedsComponent),
        }
    }

    /// The preferred way to start it.
    pub fn entry(&self) -> Option<Entry> {
        self.entries.first().copied()
    }
}

impl fmt::Display for Wasi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wasi::None => "none",
            Wasi::P1 => "0.1",
            Wasi::P2 => "0.2",
            Wasi::P3 => "0.3",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Module => "module",
            Kind::Component => "component",
        })
    }
}

/// Reads what `artifact` (binary or text) is.
///
/// # Errors
/// [`LoadError`], which tells an empty file, something else than WebAssembly, compiled code, an unsupported version
/// and a damaged file from each other.
pub fn inspect(artifact: &[u8]) -> Result<ArtifactInfo, LoadError> {
    let wasm = sniff::binary(artifact)?;
    let kind = sniff::kind(&wasm)?;
    let found = scan::scan(&wasm, kind)?;
    let (wasi, entries) = names::classify(kind, &found);
    Ok(ArtifactInfo {
        kind,
        name: found.name,
        bytes: artifact.len() as u64,
        digest: digest(artifact),
        wasi,
        entries,
        imports: found.imports,
        exports: found.exports,
        producers: found.producers,
        uses_async: found.uses_async,
    })
}

/// SHA-256 of an artifact.
pub fn digest(artifact: &[u8]) -> Digest {
    Digest(Sha256::digest(artifact).into())
}

/// The engine class that an artifact needs.
pub fn class(info: &ArtifactInfo) -> EngineClass {
    match info.uses_async || info.newest_wasi() == Wasi::P3 {
        true => EngineClass::Concurrent,
        false => EngineClass::Plain,
    }
}

fn as_text<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}
