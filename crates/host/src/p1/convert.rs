//! The kernel's words in those of WASI 0.1.

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use wasmtime_wasi::p1::types as t;

use crate::fs::errors::code_p2;
use crate::fs::meta::{self, NewTime};

/// Devices are not told apart: the number of a file already says which device it is on.
const DEVICE: u64 = 1;

pub(super) fn errno(errno: Errno) -> t::Errno {
    t::Errno::from(code_p2(errno))
}

pub(super) fn error(error: Errno) -> t::Error {
    errno(error).into()
}

pub(super) fn io_error(error: &std::io::Error) -> t::Error {
    match Errno::from_io_error(error) {
        Some(code) => errno(code).into(),
        None => t::Errno::Io.into(),
    }
}

pub(super) fn filetype(kind: FileType) -> t::Filetype {
    match kind {
        FileType::RegularFile => t::Filetype::RegularFile,
        FileType::Directory => t::Filetype::Directory,
        FileType::Symlink => t::Filetype::SymbolicLink,
        FileType::BlockDevice => t::Filetype::BlockDevice,
        FileType::CharacterDevice => t::Filetype::CharacterDevice,
        FileType::Socket => t::Filetype::SocketStream,
        _ => t::Filetype::Unknown,
    }
}

pub(super) fn filestat(stat: &Stat) -> t::Filestat {
    t::Filestat {
        dev: DEVICE,
        ino: meta::identity(stat),
        filetype: filetype(FileType::from_raw_mode(stat.st_mode)),
        nlink: meta::links(stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        atim: timestamp(stat.st_atime, stat.st_atime_nsec as i64),
        mtim: timestamp(stat.st_mtime, stat.st_mtime_nsec as i64),
        ctim: timestamp(stat.st_ctime, stat.st_ctime_nsec as i64),
    }
}

/// Metadata of a standard stream.
pub(super) fn stream_stat(filetype: t::Filetype) -> t::Filestat {
    t::Filestat { dev: 0, ino: 0, filetype, nlink: 0, size: 0, atim: 0, mtim: 0, ctim: 0 }
}

/// A terminal is a character device; anything else about a stream is not the guest's to know.
pub(super) fn stream_type(terminal: bool) -> t::Filetype {
    if terminal { t::Filetype::CharacterDevice } else { t::Filetype::Unknown }
}

/// Times before 1970 and after 2554 cannot be said in WASI 0.1.
fn timestamp(seconds: i64, nanos: i64) -> t::Timestamp {
    let exact = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    u64::try_from(exact.max(0)).unwrap_or(u64::MAX)
}

/// A time to set, from a time and two flags.
///
/// # Errors
/// `EINVAL` when it is to be both the given time and now.
pub(super) fn new_time(set: bool, time: t::Timestamp, now: bool) -> Result<NewTime, t::Errno> {
    match (set, now) {
        (true, true) => Err(t::Errno::Inval),
        (false, false) => Ok(NewTime::Keep),
        (false, true) => Ok(NewTime::Now),
        (true, false) => {
            let seconds = i64::try_from(time / 1_000_000_000).map_err(|_| t::Errno::Overflow)?;
            NewTime::at(seconds, (time % 1_000_000_000) as u32).map_err(errno)
        }
    }
}
