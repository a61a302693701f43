//! Every act that changes how much a volume holds, done and counted in one step.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use rustix::fs::{FileType, Stat, fstat};
use rustix::io::{Errno, IoSlice, ReadWriteFlags};

use super::{State, Volume};
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
    fn check_name(&self, state: &State) -> Result<(), Errno> {
        if state.held.names < self.names_max() { Ok(()) } else { Err(Errno::DQUOT) }
    }

    fn room(&self, state: &mut State, wanted: u64) -> u64 {
        let left = |state: &State| self.bytes_max.saturating_sub(state.held.bytes);
        if left(state) < wanted {
            state.sweep();
        }
        left(state)
    }

    /// Writes at most what still fits.
    ///
    /// # Errors
    /// `EDQUOT` when not one byte does.
    pub(crate) fn write(&self, file: &File, bytes: &[u8], place: Place) -> Result<usize, Errno> {
        let mut state = self.volume.state();
        let stat = fstat(file)?;
        let size = length(&stat);
        let start = match place {
            Place::At(offset) => offset,
            Place::End => size,
        };
        let end = start.checked_add(bytes.len() as u64).ok_or(Errno::FBIG)?;
        let most = size.saturating_add(self.room(&mut state, end.saturating_sub(size)));
        let fits = if end <= size { bytes.len() as u64 } else { most.min(end).saturating_sub(start) };
        if fits == 0 && !bytes.is_empty() {
            return Err(Errno::DQUOT);
        }
        let fits = usize::try_from(fits).unwrap_or(bytes.len()).min(bytes.len());
        let written = place.write(file, &bytes[..fits])?;
        state.resized(&stat, size.max(start + written as u64));
        Ok(written)
    }

    /// Makes a file longer or shorter.
    ///
    /// # Errors
    /// `EDQUOT` when it does not fit.
    pub(crate) fn set_size(&self, file: &File, size: u64) -> Result<(), Errno> {
        let mut state = self.volume.state();
        let stat = fstat(file)?;
        let growth = size.saturating_sub(length(&stat));
        if growth > 0 && growth > self.room(&mut state, growth) {
            return Err(Errno::DQUOT);
        }
        rustix::fs::ftruncate(file, size)?;
        state.resized(&stat, size);
        Ok(())
    }

    /// Opens a file or folder; a new one needs room for its name, and one that is cut gives up its bytes.
    pub(crate) fn open(&self, dir: &File, path: &str, request: &OpenRequest) -> Done<Opened> {
        if !request.create && !request.truncate {
            return request.open(dir, path);
        }
        let mut state = self.volume.state();
        let follow = if request.follow { Follow::Yes } else { Follow::No };
        let before = match beneath::stat(fd(dir), path, follow) {
            Ok(stat) => Some(stat),
            Err(PathError::Os(Errno::NOENT)) => None,
            Err(error) => return Err(error),
        };
        if before.is_none() && request.create {
            self.check_name(&state)?;
        }
        let opened = request.open(dir, path)?;
        match before {
            None => state.held.names += 1,
            Some(stat) if request.truncate => state.resized(&stat, 0),
            Some(_) => {}
        }
        Ok(opened)
    }

    /// Remembers that a guest has a file open: it counts until that ends.
    pub(crate) fn opened(&self, file: &Arc<File>) {
        let Ok(stat) = fstat(file) else { return };
        let mut state = self.volume.state();
        if state.open.len() >= OPEN_SWEEP {
            state.sweep();
        }
        let State { held, open } = &mut *state;
        let known = open.entry(stat.st_ino).or_default();
        if !known.is_open() {
            // The number was another file's before.
            known.give_up(held);
        }
        known.handles.push(Arc::downgrade(file));
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
        let mut state = self.volume.state();
        self.check_name(&state)?;
        work()?;
        state.held.names += 1;
        Ok(())
    }

    pub(crate) fn remove_dir(&self, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        let mut state = self.volume.state();
        beneath::remove_dir(dir, path)?;
        state.held.names = state.held.names.saturating_sub(1);
        Ok(())
    }

    pub(crate) fn unlink(&self, dir: BorrowedFd<'_>, path: &str) -> Done<()> {
        let mut state = self.volume.state();
        let before = beneath::stat(dir, path, Follow::No);
        beneath::unlink(dir, path)?;
        state.gone(before.ok().as_ref());
        Ok(())
    }

    /// What had the new name loses it, unless both names are of the same file: then nothing happens (rename(2)).
    pub(crate) fn rename(&self, old: (BorrowedFd<'_>, &str), new: (BorrowedFd<'_>, &str)) -> Done<()> {
        let mut state = self.volume.state();
        let moved = beneath::stat(old.0, old.1, Follow::No);
        let replaced = beneath::stat(new.0, new.1, Follow::No).ok();
        beneath::rename(old.0, old.1, new.0, new.1)?;
        let same = |replaced: &Stat| moved.is_ok_and(|moved| moved.st_ino == replaced.st_ino);
        if let Some(replaced) = replaced.filter(|replaced| !same(replaced)) {
            state.gone(Some(&replaced));
        }
        Ok(())
    }
}

/// Files that are remembered before those are looked for that nobody has open any more.
const OPEN_SWEEP: usize = 1024;

impl State {
    /// A file of which `before` was known has this many bytes now.
    fn resized(&mut self, before: &Stat, size: u64) {
        let (was, held) = (length(before), self.held.bytes);
        self.held.bytes = held.saturating_sub(was).saturating_add(size);
        if before.st_nlink == 0
            && let Some(file) = self.open.get_mut(&before.st_ino)
        {
            file.nameless_bytes = Some(size);
        }
    }

    /// A name was removed. The bytes go with a file's last name, or when the last guest closes it.
    fn gone(&mut self, before: Option<&Stat>) {
        self.held.names = self.held.names.saturating_sub(1);
        let is_file = |stat: &&Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let Some(stat) = before.filter(is_file).filter(|stat| stat.st_nlink == 1) else { return };
        let open = self.open.get_mut(&stat.st_ino);
        match open.filter(|file| file.handles.iter().any(|handle| handle.strong_count() > 0)) {
            Some(file) => file.nameless_bytes = Some(length(stat)),
            None => {
                self.open.remove(&stat.st_ino);
                self.held.bytes = self.held.bytes.saturating_sub(length(stat));
            }
        }
    }
}

fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn fd(file: &File) -> BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(file)
}
