//! Every act that changes how much a volume holds, done and counted in one step.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::fs::fstat;
use rustix::io::{Errno, IoSlice, ReadWriteFlags};

use super::{Turn, Volume, length, removed};
use crate::fs::beneath::{self, Follow, Opened, PathError};
use crate::fs::policy::OpenRequest;

/// A write went no further: the volume is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the volume is full")]
pub(crate) struct QuotaReached;

/// A volume and how much of it a function may fill.
#[derive(Clone)]
pub(crate) struct Quota {
    pub(crate) volume: Arc<Volume>,
    pub(crate) bytes_max: u64,
}

impl std::fmt::Debug for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quota").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

/// Where a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    At(u64),
    End,
}

impl Place {
    /// Writes as much as the kernel takes.
    pub(crate) fn write(self, file: &File, bytes: &[u8]) -> Result<usize, Errno> {
        match self {
            Place::At(offset) => rustix::io::pwrite(file, bytes, offset),
            Place::End => rustix::io::pwritev2(file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND),
        }
    }
}

/// However small a volume is, it has room for this many names.
const NAMES_MIN: u64 = 64;
/// A volume has a name for so many bytes of its size.
const BYTES_PER_NAME: u64 = 1024;

type Done<T> = Result<T, PathError>;

impl Quota {
    fn names_max(&self) -> u64 {
        (self.bytes_max / BYTES_PER_NAME).max(NAMES_MIN)
    }

    /// Room for one more name.
    fn check_name(&self, turn: &Turn<'_>) -> Result<(), Errno> {
        if turn.held.names < self.names_max() { Ok(()) } else { Err(Errno::DQUOT) }
    }

    fn room(&self, turn: &mut Turn<'_>, wanted: u64) -> Result<u64, Errno> {
        let left = |turn: &Turn<'_>| self.bytes_max.saturating_sub(turn.held.bytes);
        if left(turn) < wanted {
            turn.sweep()?;
        }
        Ok(left(turn))
    }

    /// Writes at most what still fits.
    ///
    /// # Errors
    /// `EDQUOT` when not one byte does.
    pub(crate) fn write(&self, file: &File, bytes: &[u8], place: Place) -> Result<usize, Errno> {
        let mut turn = self.volume.turn()?;
        let stat = fstat(file)?;
        let size = length(&stat);
        let start = match place {
            Place::At(offset) => offset,
            Place::End => size,
        };
        let end = start.checked_add(bytes.len() as u64).ok_or(Errno::FBIG)?;
        if end <= size {
            return place.write(file, bytes);
        }
        let most = size.saturating_add(self.room(&mut turn, end - size)?);
        let fits = most.min(end).saturating_sub(start);
        if fits == 0 && !bytes.is_empty() {
            return Err(Errno::DQUOT);
        }
        let fits = usize::try_from(fits).unwrap_or(bytes.len()).min(bytes.len());
        turn.begin()?;
        let written = place.write(file, &bytes[..fits])?;
        if written > 0 {
            turn.resized(&stat, size.max(start + written as u64));
        }
        Ok(written)
    }

    /// Makes a file longer or shorter.
    ///
    /// # Errors
    /// `EDQUOT` when it does not fit.
    pub(crate) fn set_size(&self, file: &File, size: u64) -> Result<(), Errno> {
        let mut turn = self.volume.turn()?;
        let stat = fstat(file)?;
        let growth = size.saturating_sub(length(&stat));
        if growth > 0 && growth > self.room(&mut turn, growth)? {
            return Err(Errno::DQUOT);
        }
        if growth > 0 {
            turn.begin()?;
        } else {
            turn.begin_to_shrink();
        }
        rustix::fs::ftruncate(file, size)?;
        turn.resized(&stat, size);
        Ok(())
    }

    /// Opens a file or folder; a new one needs room for its name, and one that is cut gives up its bytes. A file
    /// counts as long as it is open.
    pub(crate) fn open(&self, dir: &File, path: &str, request: &OpenRequest) -> Done<Opened> {
        if request.create || request.truncate {
            return self.open_and_change(&mut self.volume.turn()?, dir, path, request);
        }
        let opened = request.open(dir, path)?;
        if claim(&opened).is_ok() {
            return Ok(opened);
        }
        // It was removed or replaced meanwhile; during a turn nothing is.
        let _turn = self.volume.turn()?;
        let opened = request.open(dir, path)?;
        claim(&opened).map_err(busy)?;
        Ok(opened)
    }

    fn open_and_change(
        &self,
        turn: &mut Turn<'_>,
        dir: &File,
        path: &str,
        request: &OpenRequest,
    ) -> Done<Opened> {
        let follow = if request.follow { Follow::Yes } else { Follow::No };
        let before = match beneath::stat(fd(dir), path, follow) {
            Ok(stat) => Some(stat),
            Err(PathError::Os(Errno::NOENT)) => None,
            Err(error) => return Err(error),
        };
        if before.is_none() && request.create {
            self.check_name(turn)?;
        }
        if before.is_none() || request.truncate {
            turn.begin()?;
        }
        let opened = request.open(dir, path)?;
        match before {
            None => turn.held.names += 1,
            Some(stat) if request.truncate => turn.resized(&stat, 0),
            Some(_) => {}
        }
        claim(&opened).map_err(busy)?;
        Ok(opened)
    }

    pub(crate) fn create_dir(&self, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        self.name(|| beneath::create_dir(dir, path))
    }

    pub(crate) fn symlink(&self, target: &str, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        self.name(|| beneath::symlink(target, dir, path))
    }

    pub(crate) fn link(&self, old: (BorrowedFd<'_>, &str), new: (BorrowedFd<'_>, &str)) -> Done<()> {
        self.name(|| beneath::link(old.0, old.1, new.0, new.1))
    }

    /// Adds a name.
    fn name(&self, work: impl FnOnce() -> Done<()>) -> Done<()> {
        let mut turn = self.volume.turn()?;
        self.check_name(&turn)?;
        turn.begin()?;
        work()?;
        turn.held.names += 1;
        Ok(())
    }

    pub(crate) fn remove_dir(&self, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        let mut turn = self.volume.turn()?;
        turn.begin_to_shrink();
        beneath::remove_dir(dir, path)?;
        turn.held.names = turn.held.names.saturating_sub(1);
        Ok(())
    }

    pub(crate) fn unlink(&self, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        let mut turn = self.volume.turn()?;
        match beneath::stat(dir, path, Follow::No) {
            Ok(stat) => turn.take_name((dir, path), &stat, || beneath::unlink(dir, path)),
            // The error is the one that removing it has.
            Err(_) => beneath::unlink(dir, path),
        }
    }

    /// What had the new name loses it, unless both names are of the same file: then nothing happens (rename(2)).
    pub(crate) fn rename(&self, old: (BorrowedFd<'_>, &str), new: (BorrowedFd<'_>, &str)) -> Done<()> {
        let mut turn = self.volume.turn()?;
        let rename = || beneath::rename(old.0, old.1, new.0, new.1);
        let moved = beneath::stat(old.0, old.1, Follow::No);
        let replaced = beneath::stat(new.0, new.1, Follow::No);
        match (moved, replaced) {
            (Ok(moved), Ok(replaced)) if moved.st_ino != replaced.st_ino => {
                turn.take_name(new, &replaced, rename)
            }
            _ => rename(),
        }
    }
}

/// Says that a guest has the file open.
///
/// # Errors
/// `ENOENT` where it was removed while it was opened.
fn claim(opened: &Opened) -> Result<(), Errno> {
    let Opened::File(file) = opened else { return Ok(()) };
    removed::claim(file)?;
    if fstat(file)?.st_nlink == 0 { Err(Errno::NOENT) } else { Ok(()) }
}

/// A program that is none of ours has locked the file.
fn busy(errno: Errno) -> Errno {
    if errno == Errno::WOULDBLOCK { Errno::BUSY } else { errno }
}

fn fd(file: &File) -> BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(file)
}
