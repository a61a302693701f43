//! Volumes: folders that the node keeps for an app, each with a quota.
//!
//! A guest sees a volume as a folder like any other, in every WASI version; what may grow it goes through here.
//! Counted are the lengths of all files (a hole counts as if it were written), each file once however many names it
//! has, and one that has no name left as long as somebody has it open. Names are bounded too, so that a guest cannot
//! fill the disk with empty files. A write that fits in part is made in part, as on any full disk.
//!
//! All instances, and all processes, share a volume and its count ([`shared`]). What has no name any more and is open
//! stays beside the volume until it is closed ([`removed`]).

mod count;
mod quota;
mod removed;
mod shared;
mod stream;

#[cfg(test)]
mod tests;

pub(crate) use quota::{Place, Quota, QuotaReached};
pub(crate) use stream::{VolumeConsumer, VolumeStream, Writing};

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Stat, fstat};
use rustix::io::Errno;
use tombolo_spec::Held;

use self::removed::{Fate, Removed};
use self::shared::{Locked, Shared};
use crate::data::{self, DataError};
use crate::fs::beneath::PathError;

/// A volume that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenVolumeError {
    /// Its folder cannot be made.
    #[error("the volume {name:?}: {source}")]
    Folder {
        /// The volume.
        name: String,
        /// Why not.
        source: DataError,
    },
    /// Its folder cannot be counted or locked.
    #[error("the volume {name:?}: {path}: {source}", path = path.display())]
    Count {
        /// The volume.
        name: String,
        /// Where it went wrong.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Something else is where its folder should be.
    #[error("the volume {name:?}: {path} {what}", path = path.display())]
    Strange {
        /// The volume.
        name: String,
        /// The folder.
        path: PathBuf,
        /// What it is instead, and what to do.
        what: &'static str,
    },
}

/// A volume and what is in it.
pub(crate) struct Volume {
    pub(crate) folder: Arc<File>,
    removed: Removed,
    shared: Shared,
}

impl Volume {
    /// Makes the volume if it is not there. The first process that has it counts what is in it.
    pub(crate) fn open(root: &Path, name: &str) -> Result<Volume, OpenVolumeError> {
        let failed =
            |path: PathBuf, source: io::Error| OpenVolumeError::Count { name: name.to_owned(), path, source };
        let path = root.join("volumes").join(name);
        // A name of a volume has no dot.
        let beside = |what: &str| path.with_extension(what);
        let (folder, removed) = (folder(&path, name)?, folder(&beside("removed"), name)?);
        if device(&folder) != device(&removed) {
            let what = "is a file system of its own; mount that one above it, so that both the volume and what \
                        belongs to it are on it";
            return Err(OpenVolumeError::Strange { name: name.to_owned(), path, what });
        }
        let shared = Shared::open(&beside("count"), &beside("users"));
        let shared = shared.map_err(|(path, errno)| failed(path, errno.into()))?;
        let volume = Volume { folder: Arc::new(folder), removed: Removed::new(removed), shared };
        volume.join().map_err(|(below, error)| failed(path.join(below), error))?;
        Ok(volume)
    }

    /// The folder of removed files, for the rules of the layers below.
    pub(crate) fn removed(&self) -> BorrowedFd<'_> {
        self.removed.fd()
    }

    fn join(&self) -> Result<(), (PathBuf, io::Error)> {
        let here = |errno: Errno| (PathBuf::new(), errno.into());
        let locked = self.shared.lock().map_err(here)?;
        if locked.join().map_err(here)? || locked.read().map_err(here)?.is_none() {
            locked.write(Held::default(), false).map_err(here)?;
            locked.write(self.count()?, true).map_err(here)?;
        }
        Ok(())
    }

    /// Begins to change something.
    ///
    /// # Errors
    /// The kernel's.
    fn turn(&self) -> Result<Turn<'_>, Errno> {
        let locked = self.shared.lock()?;
        let held = match locked.read()? {
            Some(held) => held,
            None => {
                let held =
                    self.count().map_err(|(_, error)| Errno::from_io_error(&error).unwrap_or(Errno::IO));
                let held = held?;
                locked.write(held, true)?;
                held
            }
        };
        Ok(Turn { volume: self, held, locked, is_begun: false })
    }

    /// What is on the disk, without what nobody needs.
    fn count(&self) -> Result<Held, (PathBuf, io::Error)> {
        let left = self.removed.sweep().map_err(|errno| (PathBuf::new(), errno.into()))?;
        let mut held = count::count(&self.folder)?;
        held.bytes += left.bytes;
        held.removed = left.files;
        Ok(held)
    }
}

/// Makes a folder if it is not there, and opens it.
fn folder(path: &Path, name: &str) -> Result<File, OpenVolumeError> {
    let strange = |what| OpenVolumeError::Strange { name: name.to_owned(), path: path.to_owned(), what };
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => {
            Err(strange("is a link; a volume is a folder of its own: move the one that it leads to here"))
        }
        Ok(there) if !there.is_dir() => Err(strange("is no folder; move it away")),
        _ => data::open_folder(path)
            .map_err(|source| OpenVolumeError::Folder { name: name.to_owned(), source }),
    }
}

fn device(folder: &File) -> Option<u64> {
    fstat(folder).ok().map(|stat| stat.st_dev)
}

fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// A change of a volume, while nobody else changes it. Its end writes down what the volume holds now.
struct Turn<'v> {
    volume: &'v Volume,
    held: Held,
    locked: Locked<'v>,
    is_begun: bool,
}

impl Turn<'_> {
    /// From here on the volume differs from its count.
    fn begin(&mut self) -> Result<(), Errno> {
        if !self.is_begun {
            self.locked.write(self.held, false)?;
            self.is_begun = true;
        }
        Ok(())
    }

    /// As [`begin`](Self::begin), before what only makes the volume smaller. That must be possible on a full disk, also
    /// on one that has no room for the mark: whoever is killed then leaves a count that is too large, not too small.
    fn begin_to_shrink(&mut self) {
        if self.begin().is_err() {
            self.is_begun = true;
        }
    }

    /// Gives up what removed files held that nobody has open any more.
    fn sweep(&mut self) -> Result<(), Errno> {
        if self.held.removed > 0 {
            self.begin_to_shrink();
            let left = self.volume.removed.sweep()?;
            self.held.bytes = self.held.bytes.saturating_sub(left.freed);
            self.held.removed = left.files;
        }
        Ok(())
    }

    /// A file of which `before` was known has this many bytes now.
    fn resized(&mut self, before: &Stat, size: u64) {
        self.held.bytes = self.held.bytes.saturating_sub(length(before)).saturating_add(size);
    }

    /// Takes a name away. The bytes go with a file's last name, or when the last guest closes it.
    fn take_name(
        &mut self,
        place: (BorrowedFd<'_>, &str),
        stat: &Stat,
        take: impl FnOnce() -> Result<(), PathError>,
    ) -> Result<(), PathError> {
        self.begin_to_shrink();
        let fate = self.volume.removed.prepare(place.0, place.1, stat)?;
        take().inspect_err(|_| self.volume.removed.undo(&fate))?;
        self.held.names = self.held.names.saturating_sub(1);
        match fate {
            Fate::Goes { .. } => self.resized(stat, 0),
            Fate::Kept(_) => self.held.removed += 1,
            Fate::Stays | Fate::Lost => {}
        }
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_begun {
            // Where it can't be written it stays unfinished, and the next one counts.
            let _ = self.locked.write(self.held, true);
        }
    }
}
