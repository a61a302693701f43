//! A folder that only we can write to, used through its descriptor.
//!
//! All names are single file names below the open folder: replacing the folder's path by another one does not lead
//! us elsewhere, and symbolic links are never followed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Stat, fstat, linkat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

/// A folder that is not safe to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPrivate {
    #[error("belongs to user {owner}, not to user {user} who runs this; use a folder of your own")]
    Owner { owner: u32, user: u32 },
    #[error("can be written by others (mode {mode:03o}); run: chmod go-w {}", path.display())]
    Writable { mode: u32, path: PathBuf },
}

impl Folder {
    /// Opens the folder at `path`, and makes it (mode 700) if it isn't there.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || rustix::fs::open(path, flags, Mode::empty());
        let fd = match open() {
            Err(Errno::NOENT) => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                open()?
            }
            other => other?,
        };
        Ok(Folder { fd, path: path.to_owned() })
    }

    /// The path under which it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, for messages.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether nobody else can put files here.
    pub(crate) fn check_private(&self) -> io::Result<Result<(), NotPrivate>> {
        let stat = fstat(&self.fd)?;
        let (owner, user) = (stat.st_uid, geteuid().as_raw());
        let mode = stat.st_mode & 0o777;
        Ok(match owner == user {
            false => Err(NotPrivate::Owner { owner, user }),
            true if mode & 0o022 != 0 => Err(NotPrivate::Writable { mode, path: self.path.clone() }),
            true => Ok(()),
        })
    }

    /// Opens a file for reading. Does not wait, whatever kind of file it is.
    pub(crate) fn read(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.fd, name, flags, Mode::empty())?))
    }

    /// Writes a new file with `mode` and the given parts.
    ///
    /// On failure the file is removed again.
    pub(crate) fn write_new(&self, name: &str, mode: Mode, parts: &[&[u8]]) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.fd, name, flags, mode)?);
        match parts.iter().try_for_each(|part| file.write_all(part)) {
            Ok(()) => Ok(file),
            Err(error) => {
                self.remove(name)?;
                Err(error)
            }
        }
    }

    /// Gives a file another name; a file of that name is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Gives a file another name, unless that is taken: then says `false` and removes the file.
    pub(crate) fn rename_if_free(&self, from: &str, to: &str) -> io::Result<bool> {
        let renamed = match renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE) {
            // A file system that cannot: a link does not replace either.
            Err(Errno::INVAL | Errno::NOSYS) => {
                linkat(&self.fd, from, &self.fd, to, AtFlags::empty()).and_then(|()| self.unlink(from))
            }
            other => other,
        };
        match renamed {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => self.remove(from).map(|()| false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file; one that is already gone is no error.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match self.unlink(name) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Names and metadata of all files; those that vanish meanwhile are left out.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, Stat)>> {
        let mut files = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if let Ok(stat) = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                files.push((name.to_owned(), stat));
            }
        }
        Ok(files)
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        unlinkat(&self.fd, name, AtFlags::empty())
    }
}
