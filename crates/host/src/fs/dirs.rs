//! The directories of a function, opened before it runs.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use tombolo_spec::grant::GuestPath;
use tombolo_spec::{Access, ByteSize, Grant, GrantId, GrantSet};
use wasmtime_wasi::filesystem::Dir;
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::data::Data;
use crate::volume::{OpenVolumeError, Quota};

/// Whether file operations may hold up the thread that runs the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    /// Yes: the fastest, and right for a process with one guest or with fast local disks.
    Inline,
    /// No: each operation goes to a pool of threads, which costs some microseconds, and a slow disk holds up only
    /// the guest that uses it.
    Pool,
}

/// A granted directory that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDirError {
    /// A folder of this machine.
    #[error("grant {grant:?}: cannot open {path}: {source}", path = path.display())]
    Dir {
        /// The grant as it is written.
        grant: String,
        /// The directory on this machine.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// There is no folder for volumes.
    #[error("grant {grant:?}: there is no folder for data; name one with --data, or set HOME")]
    NoData {
        /// The grant as it is written.
        grant: String,
    },
    #[error(transparent)]
    Volume(#[from] OpenVolumeError),
}

/// A directory of this machine that a guest sees.
#[derive(Clone)]
pub struct GrantedDir {
    /// Open, and shared by all instances.
    pub(crate) dir: Dir,
    pub(crate) guest: Arc<str>,
    pub(crate) grant: GrantId,
    /// As the grant says; what `dir` allows may differ in a build for tests.
    writable: bool,
    /// Of a volume.
    pub(crate) quota: Option<Quota>,
}

impl GrantedDir {
    /// The open directory, for rules of the layers below.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.dir.dir.as_fd()
    }

    /// Folders that change with it: where a volume keeps what was removed and is open.
    pub fn beside(&self) -> Option<BorrowedFd<'_>> {
        self.quota.as_ref().map(|quota| quota.volume.removed())
    }

    /// Whether the guest may change what is in it.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// The grant it comes from.
    pub fn grant(&self) -> &GrantId {
        &self.grant
    }
}

/// All directories of a function.
#[derive(Clone)]
pub(crate) struct Dirs {
    pub(crate) list: Vec<GrantedDir>,
    pub(crate) blocking: Blocking,
}

impl Dirs {
    /// Opens the directory of each `dir` and `volume` grant, in order. Here links are followed: who writes the grant
    /// names the place.
    pub(crate) fn open(
        grants: &GrantSet,
        base: &Path,
        data: Option<&Data>,
        blocking: Blocking,
    ) -> Result<Dirs, OpenDirError> {
        let open = |(id, grant): (&GrantId, &Grant)| match grant {
            Grant::Dir { host, guest, access } => {
                Some(dir(id, base.join(host.as_str()), guest, *access, blocking))
            }
            Grant::Volume { name, guest, size } => {
                Some(volume(id, data, name.as_str(), guest, *size, blocking))
            }
            _ => None,
        };
        Ok(Dirs { list: grants.iter().filter_map(open).collect::<Result<_, _>>()?, blocking })
    }
}

fn dir(
    id: &GrantId,
    path: PathBuf,
    guest: &GuestPath,
    access: Access,
    blocking: Blocking,
) -> Result<GrantedDir, OpenDirError> {
    let file =
        open_dir(&path).map_err(|source| OpenDirError::Dir { grant: id.text().to_owned(), path, source })?;
    Ok(GrantedDir {
        dir: shared(file, access, blocking),
        writable: access == Access::ReadWrite,
        guest: guest.as_str().into(),
        grant: id.clone(),
        quota: None,
    })
}

fn volume(
    id: &GrantId,
    data: Option<&Data>,
    name: &str,
    guest: &GuestPath,
    size: ByteSize,
    blocking: Blocking,
) -> Result<GrantedDir, OpenDirError> {
    let data = data.ok_or_else(|| OpenDirError::NoData { grant: id.text().to_owned() })?;
    let volume = data.volume(name)?;
    let file = volume.folder.try_clone().map_err(|source| OpenDirError::Dir {
        grant: id.text().to_owned(),
        path: name.into(),
        source,
    })?;
    Ok(GrantedDir {
        dir: shared(file, Access::ReadWrite, blocking),
        writable: true,
        guest: guest.as_str().into(),
        grant: id.clone(),
        quota: Some(Quota { volume, bytes_max: size.bytes() }),
    })
}

fn shared(file: File, access: Access, blocking: Blocking) -> Dir {
    // With the bypass, WASI defends nothing: a read-only grant is the kernel layer's to hold.
    let access = if cfg!(feature = "bypass-wasi-fs-checks") { Access::ReadWrite } else { access };
    let (perms, mode) = match access {
        Access::Read => (FsPerms::ReadOnly, OpenMode::READ),
        Access::ReadWrite => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
    };
    Dir::new(file, perms, mode, blocking == Blocking::Inline)
}

fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Not `open`: a process that is locked down has only `openat`, also to open its folders anew.
    Ok(rustix::fs::openat(rustix::fs::CWD, path, flags, Mode::empty())?.into())
}
