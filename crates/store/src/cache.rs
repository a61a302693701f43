//! The cache of compiled code: a folder of sealed files.
//!
//! - Files appear by rename, whole or not at all, and are never written again. They are not synced: after a power
//!   loss a file may be cut short, its seal then does not match, and it is compiled again.
//! - A lookup trusts nothing but the seal, which it checks on the open file that is then mapped.
//! - Processes need no lock: the last one to rename wins, and all wrote the same.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::Mode;
use tombolo_engine::{Authenticated, Kind, SEAL_BYTES, SealError, SealKey, seal};

use crate::evict;
use crate::folder::{Folder, NotPrivate};
use crate::key::CacheKey;
use crate::node_key::node_key;
use crate::temporary::temporary_name;

/// The time of last use is kept to this precision, so that most lookups write nothing.
const USE_PRECISION: Duration = Duration::from_secs(3600);

/// A folder of compiled code that any number of processes may use at the same time.
#[derive(Debug)]
pub struct CompiledCache {
    folder: Folder,
    key: SealKey,
    bytes_max: u64,
}

/// The cache can't be used. The program goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("the cache {} is not used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the cache {} is not used: it {source}", path.display())]
    NotPrivate { path: PathBuf, source: NotPrivate },
    #[error("the compiled code ({bytes} bytes) is larger than the cache ({bytes_max} bytes)")]
    TooLarge { bytes: u64, bytes_max: u64 },
}

/// Something that was put right, and that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Warning(pub(crate) String);

/// The outcome of [`CompiledCache::lookup`].
#[derive(Debug)]
pub struct Lookup {
    pub code: Option<Authenticated>,
    /// Set when an entry was there, but could not be used and was thrown away.
    pub warning: Option<Warning>,
}

impl CompiledCache {
    /// Opens the cache in `dir`, and makes it if it isn't there. `bytes_max` is the size that it is kept below.
    ///
    /// # Errors
    /// [`CacheError`] when the folder is not ours alone, or cannot be read or made.
    pub fn open(dir: &Path, bytes_max: u64) -> Result<(CompiledCache, Option<Warning>), CacheError> {
        let failed = |source| CacheError::Io { path: dir.to_owned(), source };
        let folder = Folder::open(dir).map_err(failed)?;
        folder
            .check_private()
            .map_err(failed)?
            .map_err(|source| CacheError::NotPrivate { path: dir.to_owned(), source })?;
        let (key, replaced) = node_key(&folder).map_err(failed)?;
        Ok((CompiledCache { folder, key, bytes_max }, replaced.map(Warning)))
    }

    /// Finds the code for `key`. An entry that cannot be used is removed.
    pub fn lookup(&self, key: &CacheKey) -> Lookup {
        let name = key.file_name();
        let opened = self
            .folder
            .read(&name)
            .map_err(SealError::from)
            .and_then(|file| Authenticated::open(file, &self.key, &key.context()));
        match opened {
            Ok(code) => {
                mark_used(&code);
                Lookup { code: Some(code), warning: None }
            }
            Err(SealError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                Lookup { code: None, warning: None }
            }
            Err(error) => self.discard(&name, &error),
        }
    }

    /// Keeps `code` for `key`, and drops the least recently used entries when the cache is over its size.
    ///
    /// # Errors
    /// [`CacheError`] when the code could not be kept, for example on a full or read-only disk.
    pub fn insert(&self, key: &CacheKey, kind: Kind, code: &[u8]) -> Result<(), CacheError> {
        let bytes = (code.len() + SEAL_BYTES) as u64;
        if bytes > self.bytes_max {
            return Err(CacheError::TooLarge { bytes, bytes_max: self.bytes_max });
        }
        let name = key.file_name();
        self.put(&name, code, &seal(&self.key, &key.context(), kind, code))
            .and_then(|()| evict::evict(&self.folder, self.bytes_max, &name))
            .map_err(|source| CacheError::Io { path: self.folder.path().to_owned(), source })
    }

    /// Removes the entry for `key`, if there is one.
    ///
    /// # Errors
    /// [`CacheError`] when the folder cannot be changed.
    pub fn remove(&self, key: &CacheKey) -> Result<(), CacheError> {
        self.folder
            .remove(&key.file_name())
            .map_err(|source| CacheError::Io { path: self.folder.path().to_owned(), source })
    }

    fn put(&self, name: &str, code: &[u8], seal: &[u8]) -> io::Result<()> {
        let temporary = temporary_name(name);
        // Readable for all, in a folder that only we can enter: cells that run as other users are handed the open
        // file, and mapping a component opens it a second time.
        let mode = Mode::RUSR | Mode::RGRP | Mode::ROTH;
        self.folder.write_new(&temporary, mode, &[code, seal])?;
        self.folder.rename(&temporary, name).inspect_err(|_| {
            // The first error is the one to tell; what is left is swept out later.
            let _ = self.folder.remove(&temporary);
        })
    }

    fn discard(&self, name: &str, error: &SealError) -> Lookup {
        let path = self.folder.path_of(name);
        let outcome = match self.folder.remove(name) {
            Ok(()) => "it is compiled again".to_owned(),
            Err(error) => format!("it cannot be removed: {error}"),
        };
        let warning = Warning(format!("cache entry {} {error}; {outcome}", path.display()));
        Lookup { code: None, warning: Some(warning) }
    }
}

/// The modification time of an entry is the time of its last use: files are never written again, and access times
/// are often switched off.
fn mark_used(code: &Authenticated) {
    let now = SystemTime::now();
    let stale = code
        .file()
        .metadata()
        .and_then(|about| about.modified())
        .is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > USE_PRECISION));
    if stale {
        // On a read-only disk the order of eviction is of no use anyway.
        let _ = code.file().set_modified(now);
    }
}
