//! Guest memory: lists of buffers, strings, and what they may cost.

use std::mem::size_of;

use wasmtime_wasi::p1::types as t;
use wiggle::{GuestMemory, GuestPtr, GuestType};

use super::P1State;

/// The most buffers that one call may name, as on Linux.
const BUFFERS_MAX: u32 = 1024;
/// The most that is copied at once where guest memory cannot be used directly, in bytes.
pub(super) const COPY_BYTES_MAX: usize = 64 * 1024;
/// Longer paths do not exist; the check on the path itself comes later.
const PATH_BYTES_MAX: u32 = 4096;

pub(super) type Bytes = GuestPtr<[u8]>;

/// The buffers that a read fills; empty ones are left out.
pub(super) fn buffers_to_fill(memory: &GuestMemory<'_>, list: t::IovecArray) -> Result<Vec<Bytes>, t::Error> {
    check_count(list.len())?;
    let mut buffers = Vec::with_capacity(list.len() as usize);
    for buffer in list.iter() {
        let buffer = memory.read(buffer?)?;
        if buffer.buf_len > 0 {
            buffers.push(buffer.buf.as_array(buffer.buf_len));
        }
    }
    Ok(buffers)
}

/// The buffers that a write takes from; empty ones are left out.
pub(super) fn buffers_to_take(
    memory: &GuestMemory<'_>,
    list: t::CiovecArray,
) -> Result<Vec<Bytes>, t::Error> {
    check_count(list.len())?;
    let mut buffers = Vec::with_capacity(list.len() as usize);
    for buffer in list.iter() {
        let buffer = memory.read(buffer?)?;
        if buffer.buf_len > 0 {
            buffers.push(buffer.buf.as_array(buffer.buf_len));
        }
    }
    Ok(buffers)
}

fn check_count(count: u32) -> Result<(), t::Errno> {
    if count > BUFFERS_MAX { Err(t::Errno::Inval) } else { Ok(()) }
}

/// A path that a guest names.
///
/// # Errors
/// `ENAMETOOLONG` before anything is copied, `EILSEQ` for what is not UTF-8.
pub(super) fn path(memory: &GuestMemory<'_>, path: GuestPtr<str>) -> Result<String, t::Error> {
    if path.len() >= PATH_BYTES_MAX {
        return Err(t::Errno::Nametoolong.into());
    }
    Ok(memory.as_cow_str(path)?.into_owned())
}

/// Writes bytes and gives the place behind them.
pub(super) fn put(
    memory: &mut GuestMemory<'_>,
    at: GuestPtr<u8>,
    bytes: &[u8],
) -> Result<GuestPtr<u8>, t::Error> {
    let len = u32::try_from(bytes.len())?;
    memory.copy_from_slice(bytes, at.as_array(len))?;
    Ok(at.add(len)?)
}

impl P1State {
    /// Takes the host's copy of a list off what this call may copy.
    ///
    /// # Errors
    /// `ENOMEM` when it is more than `hostcall-fuel`.
    pub(super) fn spend_list<T: GuestType>(&mut self, list: GuestPtr<[T]>) -> Result<(), t::Errno> {
        let bytes = (list.len() as usize).checked_mul(size_of::<T>()).ok_or(t::Errno::Overflow)?;
        self.fuel = self.fuel.checked_sub(bytes).ok_or(t::Errno::Nomem)?;
        Ok(())
    }
}
