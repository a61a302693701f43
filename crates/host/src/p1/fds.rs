//! A guest's table of descriptors.

use std::fs::File;
use std::sync::Arc;

use wasmtime_wasi::p1::types as t;
use wasmtime_wasi::p2::InputStream;

use super::readdir::Listing;
use crate::fs::Dirs;
use crate::fs::policy::Site;
use crate::stdio::LogStream;
use crate::volume::Quota;

/// What a descriptor stands for.
pub(super) enum Fd {
    /// Opened when it is first read.
    Stdin(Option<Box<dyn InputStream>>),
    Output(LogStream),
    Dir(DirFd),
    File(FileFd),
}

pub(super) struct DirFd {
    pub(super) site: Site,
    /// The guest's name for a granted directory; `None` for one that it opened.
    pub(super) preopen: Option<Arc<str>>,
    /// A listing under way.
    pub(super) listing: Option<Listing>,
}

pub(super) struct FileFd {
    pub(super) file: Arc<File>,
    pub(super) position: u64,
    pub(super) append: bool,
    pub(super) nonblocking: bool,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The place of the granted directory it was opened in.
    pub(super) dir: usize,
    /// Of a volume.
    pub(super) quota: Option<Quota>,
    /// Whether the grant it was opened under lets metadata change.
    pub(super) grant_writable: bool,
}

/// What 0.1 keeps for a guest.
#[derive(Default)]
pub(crate) struct P1State {
    /// Empty until the first call; then never shorter than the standard streams.
    fds: Vec<Option<Fd>>,
    /// What this call may still make the host copy, in bytes.
    pub(super) fuel: usize,
}

impl P1State {
    /// Fills the table with what a guest has from the start.
    pub(crate) fn open(&mut self, dirs: &Dirs) {
        if !self.fds.is_empty() {
            return;
        }
        let streams = [Fd::Stdin(None), Fd::Output(LogStream::Stdout), Fd::Output(LogStream::Stderr)];
        self.fds.extend(streams.map(Some));
        for (index, granted) in dirs.list.iter().enumerate() {
            let site = Site { file: Arc::clone(&granted.dir.dir), dir: index, quota: granted.quota.clone() };
            let dir = DirFd { site, preopen: Some(Arc::clone(&granted.guest)), listing: None };
            self.fds.push(Some(Fd::Dir(dir)));
        }
    }

    pub(super) fn get(&mut self, fd: t::Fd) -> Result<&mut Fd, t::Errno> {
        self.fds.get_mut(index(fd)).and_then(Option::as_mut).ok_or(t::Errno::Badf)
    }

    pub(super) fn file(&mut self, fd: t::Fd) -> Result<&mut FileFd, t::Errno> {
        match self.get(fd)? {
            Fd::File(file) => Ok(file),
            _ => Err(t::Errno::Badf),
        }
    }

    pub(super) fn dir(&mut self, fd: t::Fd) -> Result<&mut DirFd, t::Errno> {
        match self.get(fd)? {
            Fd::Dir(dir) => Ok(dir),
            Fd::File(_) => Err(t::Errno::Notdir),
            Fd::Stdin(_) | Fd::Output(_) => Err(t::Errno::Badf),
        }
    }

    /// A file where a position means something.
    pub(super) fn seekable(&mut self, fd: t::Fd) -> Result<&mut FileFd, t::Errno> {
        match self.get(fd)? {
            Fd::File(file) => Ok(file),
            Fd::Stdin(_) | Fd::Output(_) => Err(t::Errno::Spipe),
            Fd::Dir(_) => Err(t::Errno::Badf),
        }
    }

    /// Puts a descriptor at the lowest free number, below `max`.
    pub(super) fn push(&mut self, fd: Fd, max: usize) -> Option<t::Fd> {
        let free = self.fds.iter().position(Option::is_none).unwrap_or(self.fds.len());
        if free >= max {
            return None;
        }
        if free == self.fds.len() {
            self.fds.push(None);
        }
        self.fds[free] = Some(fd);
        u32::try_from(free).ok().map(t::Fd::from)
    }

    pub(super) fn close(&mut self, fd: t::Fd) -> Result<Fd, t::Errno> {
        self.fds.get_mut(index(fd)).and_then(Option::take).ok_or(t::Errno::Badf)
    }

    /// Moves a descriptor to a number that is in use, closing what was there.
    pub(super) fn renumber(&mut self, from: t::Fd, to: t::Fd) -> Result<(), t::Errno> {
        self.get(to)?;
        self.get(from)?;
        if index(from) != index(to) {
            let moved = self.close(from)?;
            self.fds[index(to)] = Some(moved);
        }
        Ok(())
    }
}

fn index(fd: t::Fd) -> usize {
    u32::from(fd) as usize
}
