//! What a guest may do with a path, and how that is counted.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use tombolo_spec::{Access, ByteSize, Grant, GrantSet};

use super::beneath::{self, Follow, Opened, PathError};
use super::dirs::{Blocking, Dirs, GrantedDir};
use crate::ledger::{Ledger, Reason, Refused};
use crate::volume::Quota;

/// A directory that a guest holds: one of its grants' or one below.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) file: Arc<File>,
    /// The place of the granted directory in [`Dirs::list`].
    pub(crate) dir: usize,
    /// Of a volume.
    pub(crate) quota: Option<Quota>,
}

impl Site {
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(crate) fn open(&self, path: &str, request: &OpenRequest) -> Result<Opened, PathError> {
        match &self.quota {
            None => request.open(&self.file, path),
            Some(quota) => quota.open(&self.file, path, request),
        }
    }

    pub(crate) fn create_dir(&self, path: &str) -> Result<(), PathError> {
        match &self.quota {
            None => beneath::create_dir(self.fd(), path),
            Some(quota) => quota.create_dir(self.fd(), path),
        }
    }

    pub(crate) fn remove_dir(&self, path: &str) -> Result<(), PathError> {
        match &self.quota {
            None => beneath::remove_dir(self.fd(), path),
            Some(quota) => quota.remove_dir(self.fd(), path),
        }
    }

    pub(crate) fn unlink(&self, path: &str) -> Result<(), PathError> {
        match &self.quota {
            None => beneath::unlink(self.fd(), path),
            Some(quota) => quota.unlink(self.fd(), path),
        }
    }

    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<(), PathError> {
        match &self.quota {
            None => beneath::symlink(target, self.fd(), path),
            Some(quota) => quota.symlink(target, self.fd(), path),
        }
    }

    pub(crate) fn link(&self, old: &str, to: &Site, new: &str) -> Result<(), PathError> {
        match self.one_quota(to)? {
            None => beneath::link(self.fd(), old, to.fd(), new),
            Some(quota) => quota.link((self.fd(), old), (to.fd(), new)),
        }
    }

    pub(crate) fn rename(&self, old: &str, to: &Site, new: &str) -> Result<(), PathError> {
        match self.one_quota(to)? {
            None => beneath::rename(self.fd(), old, to.fd(), new),
            Some(quota) => quota.rename((self.fd(), old), (to.fd(), new)),
        }
    }

    /// The quota of the volume that both are in, if they are in one.
    ///
    /// # Errors
    /// `EXDEV` when a file would come into a volume or leave it, as between two disks.
    fn one_quota(&self, to: &Site) -> Result<Option<&Quota>, PathError> {
        match (&self.quota, &to.quota) {
            (None, None) => Ok(None),
            (Some(own), Some(other)) if Arc::ptr_eq(&own.volume, &other.volume) => Ok(Some(own)),
            _ => Err(PathError::Os(Errno::XDEV)),
        }
    }
}

/// The directories of a function with all that decides about them.
#[derive(Clone, Copy)]
pub(crate) struct FsPolicy<'a> {
    pub(crate) dirs: &'a Dirs,
    pub(crate) grants: &'a GrantSet,
    pub(crate) ledger: &'a Ledger,
}

impl FsPolicy<'_> {
    /// Whether paths below this site may be changed; a refusal is recorded.
    ///
    /// # Errors
    /// `EPERM` when the grant is for reading only.
    pub(crate) fn may_write(&self, site: &Site, path: &str) -> Result<(), Errno> {
        let Some(dir) = self.dirs.list.get(site.dir) else { return Err(Errno::BADF) };
        if dir.writable() {
            return Ok(());
        }
        self.refuse(dir, path, Access::ReadWrite, Reason::ReadOnly, Some(self.writable(dir)));
        Err(Errno::PERM)
    }

    /// Counts an operation and says what the guest gets: `EPERM` for a refusal, else what the kernel said.
    pub(crate) fn settle<T>(
        &self,
        site: &Site,
        path: &str,
        access: Access,
        result: Result<T, PathError>,
    ) -> Result<T, Errno> {
        let Some(dir) = self.dirs.list.get(site.dir) else { return Err(Errno::BADF) };
        let reason = match result {
            Err(PathError::Escapes) => Reason::OutsideDir,
            Err(PathError::Special(kind)) => Reason::SpecialFile(kind_name(kind)),
            Err(PathError::Os(errno)) => {
                self.ledger.used_to(access, &dir.grant);
                self.note_full(site.dir, errno);
                return Err(errno);
            }
            Ok(done) => {
                self.ledger.used_to(access, &dir.grant);
                return Ok(done);
            }
        };
        self.refuse(dir, path, access, reason, None);
        Err(Errno::PERM)
    }

    /// Records that a volume is full, if that is what the error says.
    pub(crate) fn note_full(&self, dir: usize, errno: Errno) {
        let Some(dir) = self.dirs.list.get(dir).filter(|dir| dir.quota.is_some()) else { return };
        if errno != Errno::DQUOT {
            return;
        }
        let Some((_, Grant::Volume { name, guest, size })) = self.grants.get(dir.grant.index()) else {
            return;
        };
        let twice = Grant::Volume {
            name: name.clone(),
            guest: guest.clone(),
            size: ByteSize(size.bytes().saturating_mul(2)),
        };
        self.ledger.refused(Refused {
            request: &format!("volume {name} more than {size}"),
            near: Some(&dir.grant),
            reason: Reason::Full,
            remedy: Some(twice.to_string()),
        });
    }

    fn refuse(&self, dir: &GrantedDir, path: &str, access: Access, reason: Reason, remedy: Option<String>) {
        let (folder, path) = (dir.guest.trim_end_matches('/'), path.trim_start_matches('/'));
        let request = format!("dir {folder}/{} {access}", path.escape_debug());
        self.ledger.refused(Refused { request: &request, near: Some(&dir.grant), reason, remedy });
    }

    /// The same grant with the right to write.
    fn writable(&self, dir: &GrantedDir) -> String {
        match self.grants.get(dir.grant.index()) {
            Some((_, Grant::Dir { host, guest, .. })) => {
                Grant::Dir { host: host.clone(), guest: guest.clone(), access: Access::ReadWrite }.to_string()
            }
            _ => dir.grant.text().to_owned(),
        }
    }
}

/// What a guest wants to open, in the words of all WASI versions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenRequest {
    pub(crate) follow: bool,
    pub(crate) create: bool,
    pub(crate) exclusive: bool,
    pub(crate) truncate: bool,
    pub(crate) directory: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl OpenRequest {
    /// Whether the open itself or what can be done with its result changes something.
    pub(crate) fn writes(&self) -> bool {
        self.create || self.truncate || self.write
    }

    /// Whether the result can be read: always, unless it was asked for writing alone.
    pub(crate) fn reads(&self) -> bool {
        self.read || !self.write
    }

    pub(crate) fn access(&self) -> Access {
        if self.writes() { Access::ReadWrite } else { Access::Read }
    }

    /// # Errors
    /// `EINVAL` for a directory that is to be created or cut.
    pub(crate) fn check(&self) -> Result<(), Errno> {
        let makes = self.create || self.exclusive || self.truncate;
        if self.directory && makes { Err(Errno::INVAL) } else { Ok(()) }
    }

    /// Opens it. Blocks.
    pub(crate) fn open(&self, dir: &File, path: &str) -> Result<Opened, PathError> {
        let follow = if self.follow { Follow::Yes } else { Follow::No };
        beneath::open(dir.as_fd(), path, self.flags(), follow)
    }

    fn flags(&self) -> OFlags {
        let mut flags = match (self.reads(), self.writes()) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        flags.set(OFlags::CREATE, self.create);
        flags.set(OFlags::EXCL, self.create && self.exclusive);
        flags.set(OFlags::TRUNC, self.truncate);
        flags.set(OFlags::DIRECTORY, self.directory);
        flags
    }
}

/// Does file work where it may block.
pub(crate) async fn run<R: Send + 'static>(
    blocking: Blocking,
    work: impl FnOnce() -> R + Send + 'static,
) -> R {
    match blocking {
        Blocking::Inline => work(),
        Blocking::Pool => wasmtime_wasi::runtime::spawn_blocking(work).await,
    }
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::BlockDevice | FileType::CharacterDevice => "device",
        _ => "special file",
    }
}
