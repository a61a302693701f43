//! An open store: connections that read, one for each thread, and one thread that writes.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use rusqlite::Connection;
use tombolo_spec::Limits;

use super::error::StoreFault;
use super::file::{OpenStoreError, StoreFile};
use super::ops::{Change, Changed};
use super::writer::Writer;

/// A store, shared by all functions and instances of an app.
pub(crate) struct Store {
    file: StoreFile,
    readers: OnceLock<Box<[Mutex<Connection>]>>,
    writer: OnceLock<Writer>,
    /// Held while connections are made.
    opening: Mutex<()>,
}

impl Store {
    /// Makes the store's folder if it is not there.
    pub(crate) fn prepare(root: &Path, name: &str) -> Result<Store, OpenStoreError> {
        let file = StoreFile::prepare(root, name)?;
        Ok(Store { file, readers: OnceLock::new(), writer: OnceLock::new(), opening: Mutex::default() })
    }

    pub(crate) fn name(&self) -> &str {
        self.file.name()
    }

    /// The store's folder, for the rules of the layers below.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.fd()
    }

    /// Opens what is not open yet. Not before the process that uses it has begun: the locks of open files do not
    /// survive a fork.
    ///
    /// # Errors
    /// The file is not a store, or cannot be opened.
    pub(crate) fn open(&self, readers: usize, writable: bool) -> Result<(), OpenStoreError> {
        let _opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let needs_writer = writable && self.writer.get().is_none();
        if self.readers.get().is_some() && !needs_writer {
            return Ok(());
        }
        // Also for a store that is only read: it may be new, or may have to be recovered.
        let writing = self.file.open_writer()?;
        if self.readers.get().is_none() {
            let open = |_| self.file.open_reader().map(Mutex::new);
            let readers = (0..readers.max(1)).map(open).collect::<Result<_, _>>()?;
            let _ = self.readers.set(readers);
        }
        if needs_writer {
            let _ = self.writer.set(Writer::new(self.file.name(), writing));
        }
        Ok(())
    }

    /// Reads on this thread.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let readers = self.readers.get().ok_or_else(not_open)?;
        let reader = &readers[thread_number() % readers.len()];
        work(&reader.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes something; comes back when that is on the disk.
    pub(crate) async fn change(&self, change: Change, limits: &Limits) -> Result<Changed, StoreFault> {
        let writer = self.writer.get().ok_or_else(not_open)?;
        writer.change(change, limits.kv_size()).await
    }
}

fn not_open() -> StoreFault {
    StoreFault::Disk("it was not opened when the process began".into())
}

/// Threads that read get numbers in the order in which they first do, so that each has a connection of its own as
/// long as there are enough.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}
