//! Paths below an open directory, resolved by the kernel.
//!
//! Every operation of every WASI version that names a path ends here. `openat2(RESOLVE_BENEATH)` refuses `..`,
//! absolute paths and symbolic links that lead out, atomically with the resolution, so no rename in between can
//! help; `RESOLVE_NO_MAGICLINKS` refuses the links of `/proc` that lead anywhere. Operations on names (rename,
//! unlink, …) resolve the parent that way and then name one plain entry in it, which the kernel does not follow.
//! Where the kernel (before 5.6) or a sandbox has no `openat2`, [`manual`](super::manual) walks the path itself.
//!
//! FIFOs, sockets and devices are never opened: they are seen by an `O_PATH` open, which has no effect on them,
//! before the real open, and once more after it, which is `O_NONBLOCK` in case the name was exchanged meanwhile.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, Timestamps, fstat};
use rustix::io::Errno;

use super::path::{self, Parent};
use super::resolve::resolve;

/// What an operation on a path failed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathError {
    /// The kernel's answer, which the guest gets as it is.
    Os(Errno),
    /// The path leads out of the granted directory.
    Escapes,
    /// The path is a FIFO, socket or device.
    Special(FileType),
}

impl From<Errno> for PathError {
    fn from(errno: Errno) -> PathError {
        PathError::Os(errno)
    }
}

/// Whether a symbolic link in the last place of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    Yes,
    No,
}

/// An opened file or directory.
#[derive(Debug)]
pub(crate) enum Opened {
    File(File),
    Dir(File),
}

/// Permissions of a created directory, before the umask.
const DIR_MODE: Mode = Mode::from_raw_mode(0o777);

/// Opens a file or directory. `flags` are the access mode, `CREATE`, `EXCL`, `TRUNC` and `DIRECTORY`.
pub(crate) fn open(
    dir: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    follow: Follow,
) -> Result<Opened, PathError> {
    path::check(name)?;
    let flags = flags | nofollow(follow);
    refuse_special_before(dir, name, flags)?;
    let fd = resolve(dir, name, flags | OFlags::NONBLOCK | OFlags::NOCTTY)?;
    match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
        FileType::Directory => Ok(Opened::Dir(fd.into())),
        FileType::RegularFile => Ok(Opened::File(fd.into())),
        kind => Err(PathError::Special(kind)),
    }
}

/// Looks at what is there without opening it: an open alone can arm a watchdog or rewind a tape.
fn refuse_special_before(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<(), PathError> {
    if flags.contains(OFlags::CREATE | OFlags::EXCL) || flags.contains(OFlags::DIRECTORY) {
        return Ok(());
    }
    let seen = match resolve(dir, name, OFlags::PATH | (flags & OFlags::NOFOLLOW)) {
        Ok(fd) => fd,
        Err(PathError::Os(Errno::NOENT)) if flags.contains(OFlags::CREATE) => return Ok(()),
        Err(error) => return Err(error),
    };
    match FileType::from_raw_mode(fstat(&seen)?.st_mode) {
        // A link that is not to be followed is the kernel's to refuse, with its own error.
        FileType::RegularFile | FileType::Directory | FileType::Symlink => Ok(()),
        kind => Err(PathError::Special(kind)),
    }
}

/// Metadata of a file, whatever it is.
pub(crate) fn stat(dir: BorrowedFd<'_>, name: &str, follow: Follow) -> Result<Stat, PathError> {
    path::check(name)?;
    let fd = resolve(dir, name, OFlags::PATH | nofollow(follow))?;
    Ok(fstat(&fd)?)
}

/// Sets access and modification time.
pub(crate) fn set_times(
    dir: BorrowedFd<'_>,
    name: &str,
    follow: Follow,
    times: &Timestamps,
) -> Result<(), PathError> {
    path::check(name)?;
    let fd = resolve(dir, name, OFlags::PATH | nofollow(follow))?;
    match rustix::fs::utimensat(&fd, "", times, AtFlags::EMPTY_PATH) {
        // Kernels before 5.8 do not take the flag.
        Err(Errno::INVAL) => match open(dir, name, OFlags::RDONLY, follow)? {
            Opened::File(file) | Opened::Dir(file) => Ok(rustix::fs::futimens(&file, times)?),
        },
        done => Ok(done?),
    }
}

/// Makes a directory.
pub(crate) fn create_dir(dir: BorrowedFd<'_>, name: &str) -> Result<(), PathError> {
    let (parent, entry) = parent(dir, name)?;
    Ok(rustix::fs::mkdirat(parent.as_fd(), entry, DIR_MODE)?)
}

/// Removes an empty directory.
pub(crate) fn remove_dir(dir: BorrowedFd<'_>, name: &str) -> Result<(), PathError> {
    let (parent, entry) = parent(dir, name)?;
    Ok(rustix::fs::unlinkat(parent.as_fd(), entry, AtFlags::REMOVEDIR)?)
}

/// Removes a file or symbolic link.
pub(crate) fn unlink(dir: BorrowedFd<'_>, name: &str) -> Result<(), PathError> {
    let (parent, entry) = parent(dir, name)?;
    Ok(rustix::fs::unlinkat(parent.as_fd(), entry, AtFlags::empty())?)
}

/// Renames a file or directory, perhaps into another granted directory.
pub(crate) fn rename(
    old_dir: BorrowedFd<'_>,
    old: &str,
    new_dir: BorrowedFd<'_>,
    new: &str,
) -> Result<(), PathError> {
    let (old_parent, old_entry) = parent(old_dir, old)?;
    let (new_parent, new_entry) = parent(new_dir, new)?;
    Ok(rustix::fs::renameat(old_parent.as_fd(), old_entry, new_parent.as_fd(), new_entry)?)
}

/// Makes a hard link. A symbolic link in the last place of `old` is linked itself.
pub(crate) fn link(
    old_dir: BorrowedFd<'_>,
    old: &str,
    new_dir: BorrowedFd<'_>,
    new: &str,
) -> Result<(), PathError> {
    let (old_parent, old_entry) = parent(old_dir, old)?;
    let (new_parent, new_entry) = parent(new_dir, new)?;
    if old_entry.ends_with('/') {
        // A slash makes the kernel follow a link; what is behind could only be a directory, which has no links.
        return Err(PathError::Os(Errno::PERM));
    }
    let flags = AtFlags::empty();
    Ok(rustix::fs::linkat(old_parent.as_fd(), old_entry, new_parent.as_fd(), new_entry, flags)?)
}

/// Makes a symbolic link. One with an absolute target is refused: inside it would lead nowhere, and outside it
/// would lead other programs wherever the guest likes.
pub(crate) fn symlink(target: &str, dir: BorrowedFd<'_>, name: &str) -> Result<(), PathError> {
    path::check(target)?;
    if target.starts_with('/') {
        return Err(PathError::Escapes);
    }
    let (parent, entry) = parent(dir, name)?;
    Ok(rustix::fs::symlinkat(target, parent.as_fd(), entry)?)
}

/// What a symbolic link says, in UTF-8.
///
/// # Errors
/// `EILSEQ` where it says something else.
pub(crate) fn read_link(dir: BorrowedFd<'_>, name: &str) -> Result<String, PathError> {
    let (parent, entry) = parent(dir, name)?;
    let target = rustix::fs::readlinkat(parent.as_fd(), entry, Vec::new())?;
    target.into_string().map_err(|_| PathError::Os(Errno::ILSEQ))
}

/// A directory that is open already, or was opened on the way.
enum ParentDir<'a> {
    Given(BorrowedFd<'a>),
    Opened(OwnedFd),
}

impl AsFd for ParentDir<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            ParentDir::Given(fd) => *fd,
            ParentDir::Opened(fd) => fd.as_fd(),
        }
    }
}

/// Resolves all of a path but its last entry.
fn parent<'d, 'p>(dir: BorrowedFd<'d>, name: &'p str) -> Result<(ParentDir<'d>, &'p str), PathError> {
    path::check(name)?;
    let cut = Parent::of(name);
    let parent = match cut.dir {
        None => ParentDir::Given(dir),
        Some(above) => ParentDir::Opened(resolve(dir, above, OFlags::PATH | OFlags::DIRECTORY)?),
    };
    Ok((parent, cut.entry))
}

fn nofollow(follow: Follow) -> OFlags {
    match follow {
        Follow::Yes => OFlags::empty(),
        Follow::No => OFlags::NOFOLLOW,
    }
}
