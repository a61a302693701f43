//! The cache of compiled code: a folder of sealed files.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tombolo_engine::{Authenticated, Kind, SealError, SealKey, seal};

use crate::key::CacheKey;

/// A folder of compiled code that any number of processes may use at the same time.
#[derive(Debug)]
pub struct CompiledCache {
    dir: PathBuf,
    key: SealKey,
    max_bytes: u64,
}

/// The cache can't be used at all.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("cache {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Something that was put right, and that a person may want to know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Warning(pub String);

/// The outcome of [`CompiledCache::lookup`].
#[derive(Debug)]
pub struct Lookup {
    pub code: Option<Authenticated>,
    /// Set when an entry was there, but could not be used and was thrown away.
    pub warning: Option<Warning>,
}

impl CompiledCache {
    /// Opens the cache in `dir`, and makes it if it isn't there.
    pub fn open(dir: &Path, max_bytes: u64) -> Result<CompiledCache, CacheError> {
        fs::create_dir_all(dir).map_err(|source| io_error(dir, source))?;
        let key = node_key(&dir.join("key")).map_err(|source| io_error(dir, source))?;
        Ok(CompiledCache { dir: dir.to_owned(), key, max_bytes })
    }

    /// Finds the code for `key`.
    pub fn lookup(&self, key: &CacheKey) -> Lookup {
        let path = self.dir.join(key.file_name());
        let opened = File::open(&path)
            .map_err(SealError::from)
            .and_then(|file| Authenticated::open(file, &self.key, &key.context()));
        match opened {
            Ok(code) => Lookup { code: Some(code), warning: None },
            Err(SealError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                Lookup { code: None, warning: None }
            }
            Err(error) => self.discard(&path, &error),
        }
    }

    /// Keeps `code` for `key`, and drops the least recently used entries when the cache is over its size.
    pub fn insert(&self, key: &CacheKey, kind: Kind, code: &[u8]) -> Result<(), CacheError> {
        let path = self.dir.join(key.file_name());
        let temporary = self.dir.join(format!("{}.{}", key.file_name(), std::process::id()));
        let seal = seal(&self.key, &key.context(), kind, code);
        write(&temporary, code, &seal)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|source| io_error(&path, source))
    }

    /// The size that the cache is kept below, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn discard(&self, path: &Path, error: &SealError) -> Lookup {
        let warning = Warning(format!("cache entry {}: {error}; it is built again", path.display()));
        match fs::remove_file(path) {
            Ok(()) => Lookup { code: None, warning: Some(warning) },
            Err(remove) => Lookup { code: None, warning: Some(Warning(format!("{warning}: {remove}"))) },
        }
    }
}

fn write(path: &Path, code: &[u8], seal: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(code)?;
    file.write_all(seal)
}

fn node_key(path: &Path) -> io::Result<SealKey> {
    if !path.exists() {
        let mut bytes = [0; 32];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        fs::write(path, bytes)?;
    }
    let bytes = fs::read(path)?;
    let bytes = bytes.try_into().map_err(|_| io::Error::other("the key is not 32 bytes long"))?;
    Ok(SealKey::new(bytes))
}

fn io_error(path: &Path, source: io::Error) -> CacheError {
    CacheError::Io { path: path.to_owned(), source }
}
