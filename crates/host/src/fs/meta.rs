//! Metadata of files, in the form that all WASI versions are made from.

use std::hash::{DefaultHasher, Hash, Hasher};

use rustix::fs::{FileType, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::clocks::system_clock::Instant;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

/// What a file's number and device say about its identity, as one number: the same file has the same, and the
/// numbers of this machine stay here.
pub(crate) fn identity(stat: &Stat) -> u64 {
    identity_of(stat.st_dev, stat.st_ino)
}

pub(crate) fn identity_of(dev: u64, ino: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (dev, ino).hash(&mut hasher);
    hasher.finish()
}

/// Links to a file; the field's width differs by architecture.
#[allow(clippy::unnecessary_cast, reason = "it is u32 on some architectures")]
pub(crate) fn links(stat: &Stat) -> u64 {
    stat.st_nlink as u64
}

/// The metadata of 0.2.
pub(crate) fn stat_p2(stat: &Stat) -> p2::DescriptorStat {
    p2::DescriptorStat {
        type_: kind_p2(FileType::from_raw_mode(stat.st_mode)),
        link_count: links(stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: datetime(stat.st_atime, stat.st_atime_nsec as i64),
        data_modification_timestamp: datetime(stat.st_mtime, stat.st_mtime_nsec as i64),
        status_change_timestamp: datetime(stat.st_ctime, stat.st_ctime_nsec as i64),
    }
}

/// The metadata of 0.3.
pub(crate) fn stat_p3(stat: &Stat) -> p3::DescriptorStat {
    p3::DescriptorStat {
        type_: kind_p3(FileType::from_raw_mode(stat.st_mode)),
        link_count: links(stat),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        data_access_timestamp: instant(stat.st_atime, stat.st_atime_nsec as i64),
        data_modification_timestamp: instant(stat.st_mtime, stat.st_mtime_nsec as i64),
        status_change_timestamp: instant(stat.st_ctime, stat.st_ctime_nsec as i64),
    }
}

fn kind_p3(kind: FileType) -> p3::DescriptorType {
    match kind {
        FileType::RegularFile => p3::DescriptorType::RegularFile,
        FileType::Directory => p3::DescriptorType::Directory,
        FileType::Symlink => p3::DescriptorType::SymbolicLink,
        FileType::Fifo => p3::DescriptorType::Fifo,
        FileType::Socket => p3::DescriptorType::Socket,
        FileType::CharacterDevice => p3::DescriptorType::CharacterDevice,
        FileType::BlockDevice => p3::DescriptorType::BlockDevice,
        _ => p3::DescriptorType::Other(None),
    }
}

fn instant(seconds: i64, nanos: i64) -> Option<Instant> {
    Some(Instant { seconds, nanoseconds: nanos.try_into().ok()? })
}

/// The type of a file. FIFOs and sockets are only ever looked at, never opened.
pub(crate) fn kind_p2(kind: FileType) -> p2::DescriptorType {
    match kind {
        FileType::RegularFile => p2::DescriptorType::RegularFile,
        FileType::Directory => p2::DescriptorType::Directory,
        FileType::Symlink => p2::DescriptorType::SymbolicLink,
        FileType::Fifo => p2::DescriptorType::Fifo,
        FileType::CharacterDevice => p2::DescriptorType::CharacterDevice,
        FileType::BlockDevice => p2::DescriptorType::BlockDevice,
        _ => p2::DescriptorType::Unknown,
    }
}

/// Times before 1970 cannot be said in WASI 0.2.
fn datetime(seconds: i64, nanos: i64) -> Option<Datetime> {
    Some(Datetime { seconds: seconds.try_into().ok()?, nanoseconds: nanos.try_into().ok()? })
}

/// A time to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewTime {
    Keep,
    Now,
    /// Since 1970; nanoseconds below a second.
    At {
        seconds: i64,
        nanos: u32,
    },
}

const NANOS_PER_SECOND: u32 = 1_000_000_000;

impl NewTime {
    /// A time as guests write it: nanoseconds over a second are carried.
    ///
    /// # Errors
    /// `EOVERFLOW` for a time that the kernel cannot hold.
    pub(crate) fn at(seconds: i64, nanos: u32) -> Result<NewTime, Errno> {
        let carry = i64::from(nanos / NANOS_PER_SECOND);
        let seconds = seconds.checked_add(carry).ok_or(Errno::OVERFLOW)?;
        Ok(NewTime::At { seconds, nanos: nanos % NANOS_PER_SECOND })
    }

    fn timespec(self) -> Timespec {
        match self {
            NewTime::Keep => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
            NewTime::Now => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
            NewTime::At { seconds, nanos } => Timespec { tv_sec: seconds, tv_nsec: nanos.into() },
        }
    }
}

/// The pair that `utimensat` takes.
pub(crate) fn timestamps(access: NewTime, modification: NewTime) -> Timestamps {
    Timestamps { last_access: access.timespec(), last_modification: modification.timespec() }
}
