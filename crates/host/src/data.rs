//! The folder in which an app's data is kept: `kv/NAME/` for stores, `volumes/NAME/` for volumes.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};

use crate::kv::{OpenStoreError, Store};
use crate::volume::{OpenVolumeError, Volume};

/// A folder of data that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the data folder {path} cannot be used: {source}; name another one with --data", path = path.display())]
pub struct DataError {
    /// The folder.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: io::Error,
}

/// One app's data. Functions that are prepared with the same value share what they have open in it, also those
/// that are prepared later: one process opens a store or volume once.
pub struct Data {
    root: PathBuf,
    stores: Mutex<BTreeMap<String, Arc<Store>>>,
    volumes: Mutex<BTreeMap<String, Arc<Volume>>>,
}

impl Data {
    /// The data in `root`. Nothing is made before a grant needs it.
    pub fn at(root: PathBuf) -> Arc<Data> {
        Arc::new(Data { root, stores: Mutex::default(), volumes: Mutex::default() })
    }

    /// The store of this name, whose folder is made if it is not there.
    pub(crate) fn store(&self, name: &str) -> Result<Arc<Store>, OpenStoreError> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(name) {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(Store::prepare(&self.root, name)?);
        stores.insert(name.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// The volume of this name, which is made if it is not there, and counted.
    pub(crate) fn volume(&self, name: &str) -> Result<Arc<Volume>, OpenVolumeError> {
        let mut volumes = self.volumes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(volume) = volumes.get(name) {
            return Ok(Arc::clone(volume));
        }
        let volume = Arc::new(Volume::open(&self.root, name)?);
        volumes.insert(name.to_owned(), Arc::clone(&volume));
        Ok(volume)
    }
}

/// Makes a folder and those above it, for this user alone, and opens it. What is made is made durable.
pub(crate) fn open_folder(path: &Path) -> Result<File, DataError> {
    let failed = |source| DataError { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = || rustix::fs::open(path, flags, Mode::empty());
    if let Ok(folder) = open() {
        return Ok(folder.into());
    }
    let path = std::path::absolute(path).map_err(failed)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
    for above in path.ancestors().skip(1).take(3) {
        File::open(above).and_then(|folder| folder.sync_all()).map_err(failed)?;
    }
    Ok(open().map_err(|errno| failed(errno.into()))?.into())
}
