//! Paths below an open directory, walked one entry at a time, for kernels without `openat2`.
//!
//! Each entry is opened with `O_PATH | O_NOFOLLOW` from the directory before it; links are read and walked like
//! the rest of the path; `..` goes back along the descriptors already held and never asks the kernel, so a
//! directory that is moved meanwhile leads nowhere else.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::beneath::PathError;

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;
/// Entries that a path can grow to while links are followed.
const ENTRIES_MAX: usize = 4096;

/// Opens `path` below `dir` with `flags`.
pub(super) fn open(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, PathError> {
    let mut walk = Walk { root: dir, below: Vec::new(), todo: VecDeque::new(), links: 0 };
    walk.follow(path)?;
    walk.run(flags | OFlags::CLOEXEC)
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The directories entered, innermost last.
    below: Vec<OwnedFd>,
    todo: VecDeque<String>,
    links: usize,
}

impl Walk<'_> {
    fn run(mut self, flags: OFlags) -> Result<OwnedFd, PathError> {
        while let Some(entry) = self.todo.pop_front() {
            let last = self.todo.is_empty();
            match entry.as_str() {
                "." => {}
                ".." => {
                    self.below.pop().ok_or(PathError::Escapes)?;
                }
                name => {
                    if let Some(fd) = self.enter(name, last, flags)? {
                        return Ok(fd);
                    }
                }
            }
        }
        // The path ends in `.`, `..` or a slash: the directory where the walk stands.
        self.finish(".", flags | OFlags::DIRECTORY)
    }

    /// One entry: a descriptor when it is the last one, else the walk stands in it.
    fn enter(&mut self, name: &str, last: bool, flags: OFlags) -> Result<Option<OwnedFd>, PathError> {
        let look = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let seen = match openat(self.here(), name, look, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) if last && flags.contains(OFlags::CREATE) => {
                return self.finish(name, flags).map(Some);
            }
            Err(errno) => return Err(errno.into()),
        };
        let kind = FileType::from_raw_mode(fstat(&seen)?.st_mode);
        let followed = !(last && flags.contains(OFlags::NOFOLLOW));
        if kind == FileType::Symlink && followed {
            self.follow_link(&seen)?;
            return Ok(None);
        }
        if last {
            return self.finish(name, flags).map(Some);
        }
        if kind != FileType::Directory {
            return Err(Errno::NOTDIR.into());
        }
        self.below.push(seen);
        Ok(None)
    }

    fn follow_link(&mut self, link: &OwnedFd) -> Result<(), PathError> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let target = readlinkat(link, "", Vec::new())?;
        let target = target.into_string().map_err(|_| Errno::ILSEQ)?;
        self.follow(&target)
    }

    /// Puts a path before what is left to walk.
    fn follow(&mut self, path: &str) -> Result<(), PathError> {
        if path.starts_with('/') {
            return Err(PathError::Escapes);
        }
        let slash = path.ends_with('/').then_some(".");
        let entries: Vec<&str> = path.split('/').filter(|entry| !entry.is_empty()).chain(slash).collect();
        for entry in entries.into_iter().rev() {
            self.todo.push_front(entry.to_owned());
        }
        if self.todo.len() > ENTRIES_MAX { Err(Errno::NAMETOOLONG.into()) } else { Ok(()) }
    }

    /// The real open, of a plain name. It never follows: a link that came in between is refused.
    fn finish(&self, name: &str, flags: OFlags) -> Result<OwnedFd, PathError> {
        let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
        Ok(openat(self.here(), name, flags | OFlags::NOFOLLOW, mode)?)
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.below.last().map_or(self.root, |fd| fd.as_fd())
    }
}
