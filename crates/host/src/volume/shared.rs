//! The count of a volume, which all processes share that have it: before and after an upgrade there are two.
//!
//! It is a file beside the volume. Whoever changes the volume locks it, reads it, does the work and writes it. Before
//! the first effect it is marked as unfinished; where a process was killed at that point, the next one counts what is
//! on the disk. So does the first one of all: what a volume holds is known from its files alone.
//!
//! A process that was taken over can write anything into the count, and lock it for ever: it harms those that have
//! the same volume, which are of its own app.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use tombolo_spec::{Held, VolumeCount};

/// The files that processes meet at.
pub(super) struct Shared {
    /// Locked by who changes the volume; holds the count.
    count: File,
    /// Locked by all that have the volume, as long as they live: who can have it alone is the first.
    users: File,
    /// Locks of files are between processes: threads wait for each other here.
    threads: Mutex<()>,
}

/// The count, while it is this thread's alone.
pub(super) struct Locked<'s> {
    shared: &'s Shared,
    _threads: MutexGuard<'s, ()>,
}

impl Shared {
    pub(super) fn open(count: &Path, users: &Path) -> Result<Shared, (std::path::PathBuf, Errno)> {
        let open = |path: &Path| {
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR);
            file.map(File::from).map_err(|errno| (path.to_owned(), errno))
        };
        Ok(Shared { count: open(count)?, users: open(users)?, threads: Mutex::default() })
    }

    /// Waits until nobody else changes the volume.
    pub(super) fn lock(&self) -> Result<Locked<'_>, Errno> {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        retry_on_intr(|| flock(&self.count, FlockOperation::LockExclusive))?;
        Ok(Locked { shared: self, _threads: threads })
    }
}

impl Locked<'_> {
    /// Takes the volume for this process, beside others that have it; true if there are none.
    pub(super) fn join(&self) -> Result<bool, Errno> {
        let users = &self.shared.users;
        let alone = match retry_on_intr(|| flock(users, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK) => false,
            Err(errno) => return Err(errno),
        };
        // Others that would have it alone wait for the count, which is locked here.
        retry_on_intr(|| flock(users, FlockOperation::LockShared))?;
        Ok(alone)
    }

    /// What the volume holds; nothing if that has to be counted.
    pub(super) fn read(&self) -> Result<Option<Held>, Errno> {
        let mut bytes = [0; VolumeCount::LEN];
        let length = retry_on_intr(|| pread(&self.shared.count, &mut bytes[..], 0))?;
        let count = VolumeCount::from_bytes(&bytes).filter(|_| length == bytes.len());
        Ok(count.filter(|count| count.is_finished).map(|count| count.held))
    }

    pub(super) fn write(&self, held: Held, is_finished: bool) -> Result<(), Errno> {
        let bytes = VolumeCount { held, is_finished }.to_bytes();
        let written = retry_on_intr(|| pwrite(&self.shared.count, &bytes, 0))?;
        if written == bytes.len() { Ok(()) } else { Err(Errno::IO) }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // It can't fail: the file is open, and locked by this process.
        let _ = flock(&self.shared.count, FlockOperation::Unlock);
    }
}
