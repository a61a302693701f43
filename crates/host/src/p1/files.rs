//! Reading and writing what is open.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::Errno;
use wasmtime_wasi::p1::types as t;
use wasmtime_wasi::p2::StreamError;
use wiggle::GuestMemory;

use super::convert::{error, io_error};
use super::fds::{Fd, FileFd};
use super::memory::{Bytes, COPY_BYTES_MAX, buffers_to_fill, buffers_to_take};
use crate::fs::Blocking;
use crate::fs::policy::run;
use crate::guest::Guest;
use crate::stdio::{LogStream, StdinHandle, WriteError};
use crate::volume::{Place, Quota};
use wasmtime_wasi::cli::StdinStream as _;

/// A file that is written.
#[derive(Clone)]
struct Target {
    file: Arc<File>,
    quota: Option<Quota>,
    dir: usize,
}

impl Target {
    fn of(file: &FileFd) -> Target {
        Target { file: Arc::clone(&file.file), quota: file.quota.clone(), dir: file.dir }
    }

    fn write(&self, bytes: &[u8], place: Place) -> Result<usize, Errno> {
        match &self.quota {
            None => place.write(&self.file, bytes),
            Some(quota) => quota.write(&self.file, bytes, place),
        }
    }
}

impl Guest {
    /// Reads at the current position.
    pub(super) async fn read(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        list: t::IovecArray,
    ) -> Result<t::Size, t::Error> {
        let buffers = buffers_to_fill(memory, list)?;
        let (file, position) = match self.fds().get(fd)? {
            Fd::Stdin(_) => return self.read_stdin(memory, fd, &buffers).await,
            Fd::File(file) => (Arc::clone(&file.file), file.position),
            Fd::Dir(_) => return Err(t::Errno::Isdir.into()),
            Fd::Output(_) => return Err(t::Errno::Badf.into()),
        };
        let read = self.read_file(memory, &file, &buffers, position).await?;
        let file = self.fds().file(fd)?;
        file.position = position.checked_add(read as u64).ok_or(t::Errno::Overflow)?;
        Ok(read.try_into()?)
    }

    /// Reads at a place of the guest's choice.
    pub(super) async fn read_at(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        list: t::IovecArray,
        offset: u64,
    ) -> Result<t::Size, t::Error> {
        let buffers = buffers_to_fill(memory, list)?;
        let file = match self.fds().get(fd)? {
            Fd::File(file) => Arc::clone(&file.file),
            Fd::Stdin(_) => return Err(t::Errno::Spipe.into()),
            Fd::Dir(_) => return Err(t::Errno::Isdir.into()),
            Fd::Output(_) => return Err(t::Errno::Badf.into()),
        };
        Ok(self.read_file(memory, &file, &buffers, offset).await?.try_into()?)
    }

    /// Fills the buffers in turn until one is not filled to its end.
    async fn read_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        file: &Arc<File>,
        buffers: &[Bytes],
        mut offset: u64,
    ) -> Result<usize, t::Error> {
        let mut total = 0;
        for buffer in buffers {
            let read = match self.read_one(memory, file, *buffer, offset).await {
                Ok(read) => read,
                // What was read before is not lost.
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            };
            total += read;
            offset = offset.saturating_add(read as u64);
            if read < buffer.len() as usize {
                break;
            }
        }
        Ok(total)
    }

    async fn read_one(
        &mut self,
        memory: &mut GuestMemory<'_>,
        file: &Arc<File>,
        buffer: Bytes,
        offset: u64,
    ) -> Result<usize, t::Error> {
        let blocking = self.template().blocking();
        if blocking == Blocking::Inline
            && let Some(direct) = memory.as_slice_mut(buffer)?
        {
            return file.read_at(direct, offset).map_err(|error| io_error(&error));
        }
        let (file, len) = (Arc::clone(file), (buffer.len() as usize).min(COPY_BYTES_MAX));
        let work = move || {
            let mut bytes = vec![0; len];
            let read = file.read_at(&mut bytes, offset)?;
            bytes.truncate(read);
            Ok(bytes)
        };
        let bytes = run(blocking, work).await.map_err(|error: std::io::Error| io_error(&error))?;
        put(memory, buffer, &bytes)?;
        Ok(bytes.len())
    }

    async fn read_stdin(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        buffers: &[Bytes],
    ) -> Result<t::Size, t::Error> {
        let Some(first) = buffers.first() else { return Ok(0) };
        let len = (first.len() as usize).min(COPY_BYTES_MAX);
        self.open_stdin(fd)?;
        let Fd::Stdin(Some(stream)) = self.fds().get(fd)? else { return Err(t::Errno::Badf.into()) };
        let bytes = match stream.blocking_read(len).await {
            Ok(bytes) => bytes,
            Err(StreamError::Closed) => return Ok(0),
            Err(StreamError::Trap(trap)) => return Err(t::Error::trap(trap)),
            Err(StreamError::LastOperationFailed(failed)) => {
                return Err(failed.downcast_ref().map_or(t::Errno::Io.into(), io_error));
            }
        };
        put(memory, *first, &bytes)?;
        Ok(bytes.len().try_into()?)
    }

    /// Opens standard input, if `fd` is that and it is not open yet.
    pub(super) fn open_stdin(&mut self, fd: t::Fd) -> Result<(), t::Errno> {
        if matches!(self.fds().get(fd)?, Fd::Stdin(None)) {
            let stream = StdinHandle(Arc::clone(self.stdio().open())).p2_stream();
            *self.fds().get(fd)? = Fd::Stdin(Some(stream));
        }
        Ok(())
    }

    /// Writes at the current position, or at the end of a file opened for appending.
    pub(super) async fn write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        list: t::CiovecArray,
    ) -> Result<t::Size, t::Error> {
        let buffers = buffers_to_take(memory, list)?;
        let (file, position, append) = match self.fds().get(fd)? {
            Fd::Output(stream) => {
                let stream = *stream;
                return self.write_output(memory, stream, &buffers).await;
            }
            Fd::File(file) => (Target::of(file), file.position, file.append),
            Fd::Stdin(_) | Fd::Dir(_) => return Err(t::Errno::Badf.into()),
        };
        let place = if append { Place::End } else { Place::At(position) };
        let written = self.write_file(memory, &file, &buffers, place).await?;
        let file: &mut FileFd = self.fds().file(fd)?;
        file.position = match place {
            Place::End => file.file.metadata().map_err(|error| io_error(&error))?.len(),
            Place::At(position) => position.checked_add(written as u64).ok_or(t::Errno::Overflow)?,
        };
        Ok(written.try_into()?)
    }

    /// Writes at a place of the guest's choice; as on Linux, at the end when the file is for appending.
    pub(super) async fn write_at(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        list: t::CiovecArray,
        offset: u64,
    ) -> Result<t::Size, t::Error> {
        let buffers = buffers_to_take(memory, list)?;
        let (file, append) = match self.fds().get(fd)? {
            Fd::File(file) => (Target::of(file), file.append),
            Fd::Output(_) => return Err(t::Errno::Spipe.into()),
            Fd::Stdin(_) | Fd::Dir(_) => return Err(t::Errno::Badf.into()),
        };
        let place = if append { Place::End } else { Place::At(offset) };
        Ok(self.write_file(memory, &file, &buffers, place).await?.try_into()?)
    }

    /// Takes the buffers in turn until one is not taken to its end.
    async fn write_file(
        &mut self,
        memory: &GuestMemory<'_>,
        file: &Target,
        buffers: &[Bytes],
        mut place: Place,
    ) -> Result<usize, t::Error> {
        let mut total = 0;
        for buffer in buffers {
            let written = match self.write_one(memory, file, *buffer, place).await {
                Ok(written) => written,
                Err(_) if total > 0 => break,
                Err(error) => return Err(error),
            };
            total += written;
            if let Place::At(offset) = &mut place {
                *offset = offset.saturating_add(written as u64);
            }
            if written < buffer.len() as usize {
                break;
            }
        }
        Ok(total)
    }

    async fn write_one(
        &mut self,
        memory: &GuestMemory<'_>,
        file: &Target,
        buffer: Bytes,
        place: Place,
    ) -> Result<usize, t::Error> {
        let blocking = self.template().blocking();
        if blocking == Blocking::Inline
            && let Some(direct) = memory.as_slice(buffer)?
        {
            return self.noted(file.dir, file.write(direct, place));
        }
        let copied = buffer.get_range(0..buffer.len().min(COPY_BYTES_MAX as u32)).unwrap_or(buffer);
        let (dir, file, bytes) = (file.dir, file.clone(), memory.to_vec(copied)?);
        let written = run(blocking, move || file.write(&bytes, place)).await;
        self.noted(dir, written)
    }

    /// What the guest gets for a write; a full volume is recorded.
    fn noted<T>(&self, dir: usize, done: Result<T, Errno>) -> Result<T, t::Error> {
        done.inspect_err(|errno| self.template().fs_policy().note_full(dir, *errno)).map_err(error)
    }

    async fn write_output(
        &mut self,
        memory: &GuestMemory<'_>,
        stream: LogStream,
        buffers: &[Bytes],
    ) -> Result<t::Size, t::Error> {
        let shared = Arc::clone(self.stdio().open());
        let mut total: t::Size = 0;
        for buffer in buffers {
            let bytes = memory.as_cow(*buffer)?;
            shared.write(stream, &bytes).await.map_err(write_error)?;
            total = total.checked_add(buffer.len()).ok_or(t::Errno::Overflow)?;
        }
        Ok(total)
    }
}

fn write_error(error: WriteError) -> t::Error {
    match error {
        WriteError::Closed(closed) => t::Error::trap(closed.into()),
        WriteError::Limit(limit) => t::Error::trap(limit.into()),
        WriteError::Io(error) => io_error(&error),
    }
}

/// Copies into the start of a buffer that is at least as long.
fn put(memory: &mut GuestMemory<'_>, buffer: Bytes, bytes: &[u8]) -> Result<(), t::Error> {
    let len = u32::try_from(bytes.len())?;
    let start = buffer.get_range(0..len).ok_or(t::Errno::Range)?;
    Ok(memory.copy_from_slice(bytes, start)?)
}
