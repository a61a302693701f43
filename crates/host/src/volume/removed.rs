//! Files that a guest has removed while somebody has them open.
//!
//! A file without a name cannot be found, so nobody could count it again after a process was killed, and no process
//! knows what another one has open. So a file that is open gets a name in a folder beside the volume when it loses its
//! last one, and is removed from there when nobody has it open any more. Who has a file open says so by a shared
//! lock on it (flock(2)), which goes with the last descriptor, also by `kill -9`.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, openat, statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};

use super::length;
use crate::fs::beneath::{self, Follow, Opened, PathError};

/// The folder of removed files.
pub(super) struct Removed {
    folder: File,
}

/// What becomes of a file that loses a name.
pub(super) enum Fate {
    /// It has other names, or is no file.
    Stays,
    /// It goes. Locked until then, so that nobody comes to have it open meanwhile.
    Goes { _lock: Option<File> },
    /// Somebody has it open; it has this name among the removed ones.
    Kept(String),
    /// Somebody has it open, and it can't be given a name: it counts until the volume is counted again.
    Lost,
}

/// What is left after a sweep.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// What the removed ones had.
    pub(super) freed: u64,
}

impl Removed {
    pub(super) fn new(folder: File) -> Removed {
        Removed { folder }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Says what becomes of a file when it loses this name, and prepares it.
    ///
    /// # Errors
    /// The kernel's; the name must not be taken away then.
    pub(super) fn prepare(&self, dir: BorrowedFd<'_>, path: &str, stat: &Stat) -> Result<Fate, PathError> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink != 1 {
            return Ok(Fate::Stays);
        }
        let file = match beneath::open(dir, path, OFlags::RDONLY, Follow::No) {
            Ok(Opened::File(file)) => file,
            Ok(Opened::Dir(_)) => return Ok(Fate::Stays),
            // What may not be opened was not opened by a guest either.
            Err(PathError::Os(Errno::ACCESS)) => return Ok(Fate::Goes { _lock: None }),
            Err(error) => return Err(error),
        };
        if is_unused(&file)? {
            return Ok(Fate::Goes { _lock: Some(file) });
        }
        let name = format!("{:x}", stat.st_ino);
        match beneath::link(dir, path, self.fd(), &name) {
            Ok(()) => Ok(Fate::Kept(name)),
            Err(_) => Ok(Fate::Lost),
        }
    }

    /// Takes back what was prepared: the file keeps its name.
    pub(super) fn undo(&self, fate: &Fate) {
        if let Fate::Kept(name) = fate {
            // What stays here has two names, and goes with the next sweep.
            let _ = unlinkat(&self.folder, name, AtFlags::empty());
        }
    }

    /// Removes what nobody has open any more.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub(super) fn sweep(&self) -> Result<Left, Errno> {
        let mut left = Left::default();
        for entry in Dir::read_from(&self.folder)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            if self.remove_if_unused(entry.file_name(), &stat).is_ok() {
                left.freed += if is_named(&stat) { 0 } else { length(&stat) };
            } else {
                left.files += 1;
                left.bytes += length(&stat);
            }
        }
        Ok(left)
    }

    fn remove_if_unused(&self, name: &CStr, stat: &Stat) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let unused = match is_named(stat) {
            true => None,
            false => Some(File::from(openat(&self.folder, name, flags, Mode::empty())?)),
        };
        if unused.as_ref().map_or(Ok(true), is_unused)? {
            unlinkat(&self.folder, name, AtFlags::empty())
        } else {
            Err(Errno::WOULDBLOCK)
        }
    }
}

/// With a second name it is in the volume: a process was killed before it took that away.
fn is_named(stat: &Stat) -> bool {
    stat.st_nlink > 1
}

/// Says that a guest has the file open, as long as this descriptor and its copies are.
///
/// # Errors
/// `EWOULDBLOCK` while somebody removes it, or a program that is none of ours has locked it.
pub(super) fn claim(file: &File) -> Result<(), Errno> {
    retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockShared))
}

/// Whether nobody has it open. If so it is locked, and cannot be claimed as long as `file` is open.
fn is_unused(file: &File) -> Result<bool, Errno> {
    match retry_on_intr(|| flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}
