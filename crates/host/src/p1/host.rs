//! The functions of `wasi_snapshot_preview1`, in the order of its text.

use std::sync::Arc;

use rustix::fs::{Advice, fadvise};
use tombolo_engine::LimitHit;
use tombolo_spec::LimitName;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p1::types as t;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::{GuestMemory, GuestPtr};

use super::convert::{self, error, io_error};
use super::fds::Fd;
use super::memory::{self, put};
use super::paths::{follow, open_request};
use super::readdir::Listing;
use crate::fs::beneath;
use crate::fs::meta::timestamps;
use crate::fs::policy::{Site, run};
use crate::guest::Guest;
use crate::random;

type Memory<'a, 'b> = &'a mut GuestMemory<'b>;

impl WasiSnapshotPreview1 for Guest {
    fn set_hostcall_fuel(&mut self, fuel: usize) {
        self.fds().fuel = fuel;
    }

    fn args_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        argv: GuestPtr<GuestPtr<u8>>,
        buffer: GuestPtr<u8>,
    ) -> Result<(), t::Error> {
        let template = Arc::clone(self.template());
        let texts = template.environment().args.iter().map(|arg| arg.as_bytes().to_vec());
        put_strings(memory, argv, buffer, texts)
    }

    fn args_sizes_get(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(t::Size, t::Size), t::Error> {
        let args = &self.template().environment().args;
        let bytes: usize = args.iter().map(|arg| arg.len() + 1).sum();
        Ok((args.len().try_into()?, bytes.try_into()?))
    }

    fn environ_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        environ: GuestPtr<GuestPtr<u8>>,
        buffer: GuestPtr<u8>,
    ) -> Result<(), t::Error> {
        let texts: Vec<Vec<u8>> =
            self.env_vars().map(|(name, value)| format!("{name}={value}").into()).collect();
        put_strings(memory, environ, buffer, texts.into_iter())
    }

    fn environ_sizes_get(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(t::Size, t::Size), t::Error> {
        let (mut count, mut bytes) = (0usize, 0usize);
        for (name, value) in self.env_vars() {
            count += 1;
            bytes += name.len() + 1 + value.len() + 1;
        }
        Ok((count.try_into()?, bytes.try_into()?))
    }

    fn clock_res_get(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        id: t::Clockid,
    ) -> Result<t::Timestamp, t::Error> {
        let clocks = self.clocks().clocks;
        match id {
            t::Clockid::Realtime => Ok(clocks.wall_resolution().as_nanos().try_into()?),
            t::Clockid::Monotonic => Ok(clocks.monotonic_resolution_ns()),
            t::Clockid::ProcessCputimeId | t::Clockid::ThreadCputimeId => Err(t::Errno::Badf.into()),
        }
    }

    fn clock_time_get(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        id: t::Clockid,
        _precision: t::Timestamp,
    ) -> Result<t::Timestamp, t::Error> {
        let clocks = self.clocks().clocks;
        match id {
            t::Clockid::Realtime => Ok(clocks.wall().as_nanos().try_into()?),
            t::Clockid::Monotonic => Ok(clocks.monotonic_ns()),
            t::Clockid::ProcessCputimeId | t::Clockid::ThreadCputimeId => Err(t::Errno::Badf.into()),
        }
    }

    async fn fd_advise(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        offset: t::Filesize,
        len: t::Filesize,
        advice: t::Advice,
    ) -> Result<(), t::Error> {
        let file = Arc::clone(&self.fds().file(fd)?.file);
        let advice = match advice {
            t::Advice::Normal => Advice::Normal,
            t::Advice::Sequential => Advice::Sequential,
            t::Advice::Random => Advice::Random,
            t::Advice::Willneed => Advice::WillNeed,
            t::Advice::Dontneed => Advice::DontNeed,
            t::Advice::Noreuse => Advice::NoReuse,
        };
        fadvise(&file, offset, std::num::NonZeroU64::new(len), advice).map_err(error)
    }

    fn fd_allocate(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _offset: t::Filesize,
        _len: t::Filesize,
    ) -> Result<(), t::Error> {
        self.fds().file(fd)?;
        Err(t::Errno::Notsup.into())
    }

    async fn fd_close(&mut self, _memory: &mut GuestMemory<'_>, fd: t::Fd) -> Result<(), t::Error> {
        self.fds().close(fd)?;
        Ok(())
    }

    async fn fd_datasync(&mut self, _memory: &mut GuestMemory<'_>, fd: t::Fd) -> Result<(), t::Error> {
        let file = Arc::clone(&self.fds().file(fd)?.file);
        let synced = run(self.template().blocking(), move || file.sync_data()).await;
        synced.map_err(|error| io_error(&error))
    }

    async fn fd_fdstat_get(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
    ) -> Result<t::Fdstat, t::Error> {
        self.fdstat(fd)
    }

    fn fd_fdstat_set_flags(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        flags: t::Fdflags,
    ) -> Result<(), t::Error> {
        let file = self.fds().file(fd)?;
        if flags.intersects(t::Fdflags::DSYNC | t::Fdflags::SYNC | t::Fdflags::RSYNC) {
            return Err(t::Errno::Inval.into());
        }
        file.append = flags.contains(t::Fdflags::APPEND);
        file.nonblocking = flags.contains(t::Fdflags::NONBLOCK);
        Ok(())
    }

    fn fd_fdstat_set_rights(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _base: t::Rights,
        _inheriting: t::Rights,
    ) -> Result<(), t::Error> {
        self.fds().get(fd)?;
        Err(t::Errno::Notsup.into())
    }

    async fn fd_filestat_get(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
    ) -> Result<t::Filestat, t::Error> {
        let stat = match self.fds().get(fd)? {
            Fd::File(file) => rustix::fs::fstat(&file.file),
            Fd::Dir(dir) => rustix::fs::fstat(&dir.site.file),
            Fd::Stdin(_) | Fd::Output(_) => return Ok(convert::stream_stat(self.stream_type(fd)?)),
        };
        Ok(convert::filestat(&stat.map_err(error)?))
    }

    async fn fd_filestat_set_size(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        size: t::Filesize,
    ) -> Result<(), t::Error> {
        let file = self.fds().file(fd)?;
        if !file.grant_writable {
            return Err(t::Errno::Perm.into());
        }
        let (quota, dir, file) = (file.quota.clone(), file.dir, Arc::clone(&file.file));
        let set = move || match quota {
            None => rustix::fs::ftruncate(&file, size),
            Some(quota) => quota.set_size(&file, size),
        };
        let done = run(self.template().blocking(), set).await;
        done.inspect_err(|errno| self.template().fs_policy().note_full(dir, *errno)).map_err(error)
    }

    async fn fd_filestat_set_times(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        atim: t::Timestamp,
        mtim: t::Timestamp,
        flags: t::Fstflags,
    ) -> Result<(), t::Error> {
        let times = times(atim, mtim, flags)?;
        let (file, dir) = match self.fds().get(fd)? {
            Fd::File(file) if file.grant_writable => (Arc::clone(&file.file), None),
            Fd::Dir(dir) => (Arc::clone(&dir.site.file), Some(dir.site.clone())),
            Fd::File(_) => return Err(t::Errno::Perm.into()),
            Fd::Stdin(_) | Fd::Output(_) => return Err(t::Errno::Badf.into()),
        };
        if let Some(site) = dir {
            self.template().fs_policy().may_write(&site, ".").map_err(error)?;
        }
        rustix::fs::futimens(&file, &times).map_err(error)
    }

    async fn fd_read(
        &mut self,
        memory: Memory<'_, '_>,
        fd: t::Fd,
        iovs: t::IovecArray,
    ) -> Result<t::Size, t::Error> {
        self.read(memory, fd, iovs).await
    }

    async fn fd_pread(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        iovs: t::IovecArray,
        offset: t::Filesize,
    ) -> Result<t::Size, t::Error> {
        self.read_at(memory, fd, iovs, offset).await
    }

    async fn fd_write(
        &mut self,
        memory: Memory<'_, '_>,
        fd: t::Fd,
        iovs: t::CiovecArray,
    ) -> Result<t::Size, t::Error> {
        self.write(memory, fd, iovs).await
    }

    async fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        iovs: t::CiovecArray,
        offset: t::Filesize,
    ) -> Result<t::Size, t::Error> {
        self.write_at(memory, fd, iovs, offset).await
    }

    fn fd_prestat_get(&mut self, _memory: &mut GuestMemory<'_>, fd: t::Fd) -> Result<t::Prestat, t::Error> {
        let name = self.preopen_name(fd)?;
        Ok(t::Prestat::Dir(t::PrestatDir { pr_name_len: name.len().try_into()? }))
    }

    fn fd_prestat_dir_name(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        path: GuestPtr<u8>,
        path_max_len: t::Size,
    ) -> Result<(), t::Error> {
        let name = self.preopen_name(fd)?;
        if name.len() > path_max_len as usize {
            return Err(t::Errno::Nametoolong.into());
        }
        put(memory, path, name.as_bytes())?;
        Ok(())
    }

    async fn fd_renumber(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        from: t::Fd,
        to: t::Fd,
    ) -> Result<(), t::Error> {
        Ok(self.fds().renumber(from, to)?)
    }

    async fn fd_seek(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        offset: t::Filedelta,
        whence: t::Whence,
    ) -> Result<t::Filesize, t::Error> {
        let file = self.fds().seekable(fd)?;
        let base = match whence {
            t::Whence::Set => 0,
            t::Whence::Cur => file.position,
            t::Whence::End => file.file.metadata().map_err(|error| io_error(&error))?.len(),
        };
        file.position = base.checked_add_signed(offset).ok_or(t::Errno::Inval)?;
        Ok(file.position)
    }

    async fn fd_sync(&mut self, _memory: &mut GuestMemory<'_>, fd: t::Fd) -> Result<(), t::Error> {
        let file = match self.fds().get(fd)? {
            Fd::File(file) => Arc::clone(&file.file),
            Fd::Dir(dir) => Arc::clone(&dir.site.file),
            Fd::Stdin(_) | Fd::Output(_) => return Err(t::Errno::Badf.into()),
        };
        run(self.template().blocking(), move || file.sync_all()).await.map_err(|error| io_error(&error))
    }

    fn fd_tell(&mut self, _memory: &mut GuestMemory<'_>, fd: t::Fd) -> Result<t::Filesize, t::Error> {
        Ok(self.fds().seekable(fd)?.position)
    }

    async fn fd_readdir(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        buffer: GuestPtr<u8>,
        len: t::Size,
        cookie: t::Dircookie,
    ) -> Result<t::Size, t::Error> {
        let len = (len as usize).min(memory::COPY_BYTES_MAX);
        let dir = self.fds().dir(fd)?;
        let listing = match dir.listing.take() {
            Some(listing) if cookie != 0 => listing,
            _ => Listing::open(&dir.site.file).map_err(error)?,
        };
        let read = move || (listing.read(cookie, len), listing);
        let (bytes, listing) = run(self.template().blocking(), read).await;
        self.fds().dir(fd)?.listing = Some(listing);
        let bytes = bytes.map_err(error)?;
        put(memory, buffer, &bytes)?;
        Ok(bytes.len().try_into()?)
    }

    async fn path_create_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        path: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        let path = memory::path(memory, path)?;
        self.change(fd, path, |site, path| site.create_dir(path)).await
    }

    async fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        flags: t::Lookupflags,
        path: GuestPtr<str>,
    ) -> Result<t::Filestat, t::Error> {
        let path = memory::path(memory, path)?;
        let stat =
            self.look(fd, path, move |site, path| beneath::stat(site.fd(), path, follow(flags))).await?;
        Ok(convert::filestat(&stat))
    }

    async fn path_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        lookup: t::Lookupflags,
        path: GuestPtr<str>,
        atim: t::Timestamp,
        mtim: t::Timestamp,
        flags: t::Fstflags,
    ) -> Result<(), t::Error> {
        let path = memory::path(memory, path)?;
        let times = times(atim, mtim, flags)?;
        self.change(fd, path, move |site, path| beneath::set_times(site.fd(), path, follow(lookup), &times))
            .await
    }

    async fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        old_fd: t::Fd,
        flags: t::Lookupflags,
        old: GuestPtr<str>,
        new_fd: t::Fd,
        new: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        if flags.contains(t::Lookupflags::SYMLINK_FOLLOW) {
            return Err(t::Errno::Inval.into());
        }
        let (old, new) = (memory::path(memory, old)?, memory::path(memory, new)?);
        let link = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.link(old, new_site, new)
        };
        self.change_two((old_fd, old), (new_fd, new), link).await
    }

    async fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        lookup: t::Lookupflags,
        path: GuestPtr<str>,
        open: t::Oflags,
        rights: t::Rights,
        _inheriting: t::Rights,
        flags: t::Fdflags,
    ) -> Result<t::Fd, t::Error> {
        let path = memory::path(memory, path)?;
        let request = open_request(lookup, open, rights, flags)?;
        self.open_path(fd, path, request, flags).await
    }

    async fn path_readlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        path: GuestPtr<str>,
        buffer: GuestPtr<u8>,
        len: t::Size,
    ) -> Result<t::Size, t::Error> {
        let path = memory::path(memory, path)?;
        let target = self.look(fd, path, |site, path| beneath::read_link(site.fd(), path)).await?;
        let fits = &target.as_bytes()[..target.len().min(len as usize)];
        put(memory, buffer, fits)?;
        Ok(fits.len().try_into()?)
    }

    async fn path_remove_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        path: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        let path = memory::path(memory, path)?;
        self.change(fd, path, |site, path| site.remove_dir(path)).await
    }

    async fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        old_fd: t::Fd,
        old: GuestPtr<str>,
        new_fd: t::Fd,
        new: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        let (old, new) = (memory::path(memory, old)?, memory::path(memory, new)?);
        let rename = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.rename(old, new_site, new)
        };
        self.change_two((old_fd, old), (new_fd, new), rename).await
    }

    async fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: GuestPtr<str>,
        fd: t::Fd,
        path: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        let (target, path) = (memory::path(memory, target)?, memory::path(memory, path)?);
        self.change(fd, path, move |site, path| site.symlink(&target, path)).await
    }

    async fn path_unlink_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        path: GuestPtr<str>,
    ) -> Result<(), t::Error> {
        let path = memory::path(memory, path)?;
        self.change(fd, path, |site, path| site.unlink(path)).await
    }

    async fn poll_oneoff(
        &mut self,
        memory: &mut GuestMemory<'_>,
        subscriptions: GuestPtr<t::Subscription>,
        events: GuestPtr<t::Event>,
        count: t::Size,
    ) -> Result<t::Size, t::Error> {
        self.poll(memory, subscriptions, events, count).await
    }

    fn proc_exit(&mut self, _memory: &mut GuestMemory<'_>, status: t::Exitcode) -> wasmtime::Error {
        I32Exit((status & 0xff) as i32).into()
    }

    fn proc_raise(&mut self, _memory: &mut GuestMemory<'_>, _signal: t::Signal) -> Result<(), t::Error> {
        Err(t::Errno::Notsup.into())
    }

    fn sched_yield(&mut self, _memory: &mut GuestMemory<'_>) -> Result<(), t::Error> {
        Ok(())
    }

    fn random_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        buffer: GuestPtr<u8>,
        len: t::Size,
    ) -> Result<(), t::Error> {
        self.random().count();
        let limits = &self.template().limits().all;
        if u64::from(len) > limits.random().bytes() {
            return Err(t::Error::trap(LimitHit::of(limits, LimitName::Random).into()));
        }
        match memory.as_slice_mut(buffer.as_array(len))? {
            Some(direct) => random::fill(direct),
            None => memory.copy_from_slice(&random::bytes(len as usize), buffer.as_array(len))?,
        }
        Ok(())
    }

    fn sock_accept(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _flags: t::Fdflags,
    ) -> Result<t::Fd, t::Error> {
        self.no_socket(fd)
    }

    fn sock_recv(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _data: t::IovecArray,
        _flags: t::Riflags,
    ) -> Result<(t::Size, t::Roflags), t::Error> {
        self.no_socket(fd)
    }

    fn sock_send(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _data: t::CiovecArray,
        _flags: t::Siflags,
    ) -> Result<t::Size, t::Error> {
        self.no_socket(fd)
    }

    fn sock_shutdown(
        &mut self,
        _memory: &mut GuestMemory<'_>,
        fd: t::Fd,
        _how: t::Sdflags,
    ) -> Result<(), t::Error> {
        self.no_socket(fd)
    }
}

impl Guest {
    fn preopen_name(&mut self, fd: t::Fd) -> Result<Arc<str>, t::Errno> {
        match self.fds().get(fd)? {
            Fd::Dir(dir) => dir.preopen.clone().ok_or(t::Errno::Badf),
            _ => Err(t::Errno::Badf),
        }
    }

    fn no_socket<T>(&mut self, fd: t::Fd) -> Result<T, t::Error> {
        self.fds().get(fd)?;
        Err(t::Errno::Notsock.into())
    }
}

/// Strings, each closed by a NUL, and the table of where they start.
fn put_strings(
    memory: &mut GuestMemory<'_>,
    mut table: GuestPtr<GuestPtr<u8>>,
    mut buffer: GuestPtr<u8>,
    texts: impl Iterator<Item = Vec<u8>>,
) -> Result<(), t::Error> {
    for text in texts {
        memory.write(table, buffer)?;
        table = table.add(1)?;
        buffer = put(memory, buffer, &text)?;
        buffer = put(memory, buffer, &[0])?;
    }
    Ok(())
}

fn times(
    atim: t::Timestamp,
    mtim: t::Timestamp,
    flags: t::Fstflags,
) -> Result<rustix::fs::Timestamps, t::Error> {
    use t::Fstflags as F;
    let access = convert::new_time(flags.contains(F::ATIM), atim, flags.contains(F::ATIM_NOW))?;
    let modification = convert::new_time(flags.contains(F::MTIM), mtim, flags.contains(F::MTIM_NOW))?;
    Ok(timestamps(access, modification))
}
