//! What is in a volume, read from the disk.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use tombolo_spec::Held;

/// Paths that are longer than this start anew at an open folder: the kernel takes at most 4096 bytes at once, and a
/// guest can make folders that lie deeper.
const PATH_BYTES_MAX: usize = 3072;

/// What is named below a folder; a file with several names counts once. Links are not followed.
///
/// # Errors
/// What cannot be read, with its path in the folder.
pub(super) fn count(folder: impl AsFd) -> Result<Held, (PathBuf, io::Error)> {
    let mut held = Held::default();
    let mut seen = HashSet::new();
    let top = open(&folder, Path::new(".")).map_err(|error| (PathBuf::new(), error))?;
    let mut pending = vec![(Rc::new(top), PathBuf::new())];
    while let Some((base, path)) = pending.pop() {
        let failed = |error: io::Error| (path.clone(), error);
        let here = open(&*base, &path).map_err(failed)?;
        let (base, path) = match path.as_os_str().len() {
            ..PATH_BYTES_MAX => (base, path.clone()),
            _ => (Rc::new(open(&here, Path::new(".")).map_err(failed)?), PathBuf::new()),
        };
        for entry in Dir::read_from(&here).map_err(|errno| failed(errno.into()))? {
            let entry = entry.map_err(|errno| failed(errno.into()))?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = statat(&here, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
            let stat = stat.map_err(|errno| failed(errno.into()))?;
            held.names += 1;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => {
                    let name = OsStr::from_bytes(entry.file_name().to_bytes());
                    pending.push((Rc::clone(&base), path.join(name)));
                }
                FileType::RegularFile if stat.st_nlink == 1 || seen.insert(stat.st_ino) => {
                    held.bytes += super::length(&stat);
                }
                _ => {}
            }
        }
    }
    Ok(held)
}

fn open(base: impl AsFd, path: &Path) -> io::Result<std::fs::File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(openat(base, path, flags, Mode::empty())?.into())
}
