//! The one call that turns a guest's path into a descriptor.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
#[cfg(not(feature = "bypass-wasi-fs-checks"))]
use rustix::io::Errno;

use super::beneath::PathError;

/// Permissions of a created file, before the umask.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// Opens `path` below `dir` with `flags`, never anything outside.
#[cfg(not(feature = "bypass-wasi-fs-checks"))]
pub(super) fn resolve(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, PathError> {
    match kernel(dir, path, flags | OFlags::CLOEXEC) {
        Err(Errno::NOSYS) => super::manual::open(dir, path, flags),
        // The kernel says EXDEV for a path that leaves the directory of a RESOLVE_BENEATH open.
        Err(Errno::XDEV) => Err(PathError::Escapes),
        done => done.map_err(PathError::Os),
    }
}

/// For tests of the layer below only: opens `path` as the kernel reads it, wherever it leads.
#[cfg(feature = "bypass-wasi-fs-checks")]
pub(super) fn resolve(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, PathError> {
    let mode = mode(flags);
    rustix::fs::openat(dir, path, flags | OFlags::CLOEXEC, mode).map_err(PathError::Os)
}

/// How often an open is tried again when a rename somewhere on the machine disturbed its resolution.
#[cfg(not(feature = "bypass-wasi-fs-checks"))]
const ATTEMPTS_MAX: usize = 128;

#[cfg(not(feature = "bypass-wasi-fs-checks"))]
fn kernel(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    use std::sync::atomic::{AtomicBool, Ordering};

    static MISSING: AtomicBool = AtomicBool::new(false);
    if MISSING.load(Ordering::Relaxed) {
        return Err(Errno::NOSYS);
    }
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS_MAX {
        match openat2(dir, path, flags, mode(flags), beneath) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) => {
                MISSING.store(true, Ordering::Relaxed);
                return Err(Errno::NOSYS);
            }
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

fn mode(flags: OFlags) -> Mode {
    if flags.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() }
}
