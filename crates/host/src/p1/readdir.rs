//! Listing a directory in pieces.

use std::fs::File;
use std::mem::MaybeUninit;

use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, fstat, openat, seek};
use rustix::io::Errno;

use super::convert::filetype;
use crate::fs::meta;

/// How much is read from the kernel at once, in bytes.
const BUFFER_BYTES: usize = 8 * 1024;
/// The length of an entry before its name.
const HEAD_BYTES: usize = 24;

/// A directory opened for a listing, so that its place is this guest's alone.
pub(super) struct Listing {
    dir: File,
    device: u64,
}

impl Listing {
    pub(super) fn open(dir: &File) -> Result<Listing, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(dir, ".", flags, Mode::empty())?;
        let device = fstat(&dir)?.st_dev;
        Ok(Listing { dir: dir.into(), device })
    }

    /// At most `len` bytes of entries from the place that `cookie` says, the last one cut off where they end.
    /// Cookies are the kernel's own, so that entries that come and go in between disturb nothing else.
    ///
    /// Names are given as they are, UTF-8 or not.
    pub(super) fn read(&self, cookie: u64, len: usize) -> Result<Vec<u8>, Errno> {
        seek(&self.dir, SeekFrom::Start(cookie))?;
        let mut out = Vec::with_capacity(len);
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut entries = RawDir::new(&self.dir, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let mut head = [0; HEAD_BYTES];
            head[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
            head[8..16].copy_from_slice(&meta::identity_of(self.device, entry.ino()).to_le_bytes());
            head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
            head[20] = filetype(entry.file_type()) as u8;
            if !fill(&mut out, &head, len) || !fill(&mut out, name, len) {
                break;
            }
        }
        Ok(out)
    }
}

/// Adds what fits; false when the rest did not.
fn fill(out: &mut Vec<u8>, bytes: &[u8], len: usize) -> bool {
    let fits = bytes.len().min(len - out.len());
    out.extend_from_slice(&bytes[..fits]);
    fits == bytes.len()
}
