//! `wasi:filesystem` 0.2.
//!
//! Whatever names a path is done here; what works on an open descriptor is handed on to wasmtime-wasi.

use std::fs::File as StdFile;
use std::sync::Arc;

use rustix::io::Errno;
use tombolo_spec::Access;
use wasmtime::component::{HasData, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::filesystem::{Descriptor, Dir, File, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

use super::Blocking;
use super::beneath::{self, Follow, Opened, PathError};
use super::errors::code_p2;
use super::meta::{self, NewTime};
use super::origins::Origins;
use super::policy::{FsPolicy, OpenRequest, Site, run};
use crate::template::Template;
use crate::volume::{Place, Quota, QuotaReached, VolumeStream, Writing};

/// Names the files of a guest to the linker.
pub(crate) struct HasFs;

impl HasData for HasFs {
    type Data<'a> = FsView<'a>;
}

/// A guest's descriptors with what decides about them.
pub(crate) struct FsView<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) origins: &'a mut Origins,
    pub(crate) ctx: &'a mut WasiFilesystemCtx,
    pub(crate) template: &'a Arc<Template>,
}

type Fd = Resource<Descriptor>;

impl<'a> FsView<'a> {
    pub(crate) fn policy(&self) -> FsPolicy<'a> {
        self.template.fs_policy()
    }

    /// What wasmtime-wasi implements descriptors with.
    pub(crate) fn wasi(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView { ctx: self.ctx, table: self.table }
    }

    /// The directory behind a descriptor.
    ///
    /// # Errors
    /// `ENOTDIR` inside when it is a file's.
    pub(crate) fn site(&self, fd: &Fd) -> Result<Result<Site, Errno>, ResourceTableError> {
        Ok(match self.table.get(fd)? {
            Descriptor::Dir(dir) => {
                Ok(Site { file: Arc::clone(&dir.dir), dir: self.origins.of(fd.rep()), quota: self.quota(fd) })
            }
            Descriptor::File(_) => Err(Errno::NOTDIR),
        })
    }

    /// The quota of the volume that a descriptor is in.
    fn quota(&self, fd: &Fd) -> Option<Quota> {
        self.policy().dirs.list.get(self.origins.of(fd.rep())).and_then(|dir| dir.quota.clone())
    }

    /// A file of a volume that is open for writing; `None` where there is no quota to keep, or the guest will be
    /// told by others that this cannot be written.
    pub(crate) fn in_volume(&self, fd: &Fd) -> Result<Option<(Arc<StdFile>, Quota)>, ResourceTableError> {
        let Some(quota) = self.quota(fd) else { return Ok(None) };
        Ok(match self.table.get(fd)? {
            Descriptor::File(file) => Some((Arc::clone(&file.file), quota)),
            Descriptor::Dir(_) => None,
        })
    }

    /// Writes to a file of a volume, or changes its length; a refusal is recorded.
    async fn within<T: Send + 'static>(
        &mut self,
        fd: &Fd,
        work: impl FnOnce() -> Result<T, Errno> + Send + 'static,
    ) -> Result<T, Errno> {
        let done = run(self.policy().dirs.blocking, work).await;
        done.inspect_err(|errno| self.policy().note_full(self.origins.of(fd.rep()), *errno))
    }

    /// Gives the guest a descriptor for what was opened below `site`.
    pub(crate) fn push(
        &mut self,
        site: &Site,
        opened: Opened,
        request: &OpenRequest,
    ) -> Result<Fd, ResourceTableError> {
        let dirs = self.policy().dirs;
        let perms = dirs.list.get(site.dir).map_or(FsPerms::ReadOnly, |granted| granted.dir.perms);
        let descriptor = descriptor(opened, perms, dirs.blocking, request);
        let fd = self.table.push(descriptor)?;
        self.origins.set(fd.rep(), site.dir);
        Ok(fd)
    }

    /// A number that is the same for the same file, as a path to it gives.
    pub(crate) fn identity(&self, fd: &Fd) -> Result<Result<u64, Errno>, ResourceTableError> {
        let stat = match self.table.get(fd)? {
            Descriptor::Dir(dir) => rustix::fs::fstat(&*dir.dir),
            Descriptor::File(file) => rustix::fs::fstat(&*file.file),
        };
        Ok(stat.map(|stat| meta::identity(&stat)))
    }

    /// A stream into a file of a volume.
    pub(crate) fn writing(&self, fd: &Fd, place: Place) -> Result<Option<Writing>, ResourceTableError> {
        let (template, dir) = (self.template, self.origins.of(fd.rep()));
        let writing = |(file, quota)| Writing { file, quota, place, template: Arc::clone(template), dir };
        Ok(self.in_volume(fd)?.map(writing))
    }

    fn push_stream(&mut self, stream: VolumeStream) -> FsResult<Resource<DynOutputStream>> {
        let stream: DynOutputStream = Box::new(stream);
        Ok(self.table.push(stream)?)
    }

    pub(crate) fn preopened(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let dirs = self.policy().dirs;
        let mut directories = Vec::with_capacity(dirs.list.len());
        for (index, granted) in dirs.list.iter().enumerate() {
            let fd = self.table.push(Descriptor::Dir(granted.dir.clone()))?;
            self.origins.set(fd.rep(), index);
            directories.push((fd, granted.guest.to_string()));
        }
        Ok(directories)
    }

    /// Does something with a path below a directory, that changes nothing.
    async fn look<T: Send + 'static>(
        &mut self,
        fd: Fd,
        path: String,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> FsResult<T> {
        self.at(fd, path, Access::Read, work).await
    }

    /// Does something with a path below a directory, that changes something.
    async fn change<T: Send + 'static>(
        &mut self,
        fd: Fd,
        path: String,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> FsResult<T> {
        let site = self.site(&fd)?.map_err(error)?;
        self.policy().may_write(&site, &path).map_err(error)?;
        self.at(fd, path, Access::ReadWrite, work).await
    }

    async fn at<T: Send + 'static>(
        &mut self,
        fd: Fd,
        path: String,
        access: Access,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> FsResult<T> {
        let site = self.site(&fd)?.map_err(error)?;
        let (worked, path, site) =
            run(self.policy().dirs.blocking, move || (work(&site, &path), path, site)).await;
        self.policy().settle(&site, &path, access, worked).map_err(error)
    }

    /// Does something with two paths, each of which changes.
    async fn change_two(
        &mut self,
        (old_fd, old): (Fd, String),
        (new_fd, new): (Fd, String),
        work: impl FnOnce((&Site, &str), (&Site, &str)) -> Result<(), PathError> + Send + 'static,
    ) -> FsResult<()> {
        let new_site = self.site(&new_fd)?.map_err(error)?;
        self.policy().may_write(&new_site, &new).map_err(error)?;
        self.change(old_fd, old, move |old_site, old| work((old_site, old), (&new_site, &new))).await
    }
}

impl preopens::Host for FsView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        self.preopened()
    }
}

impl types::Host for FsView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<types::ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        if self.table.get(&error)?.downcast_ref::<QuotaReached>().is_some() {
            return Ok(Some(types::ErrorCode::Quota));
        }
        self.wasi().filesystem_error_code(error)
    }
}

impl types::HostDescriptor for FsView<'_> {
    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: types::PathFlags,
        path: String,
        open: types::OpenFlags,
        flags: types::DescriptorFlags,
    ) -> FsResult<Fd> {
        let request = open_request(path_flags, open, flags).map_err(error)?;
        let site = self.site(&fd)?.map_err(error)?;
        if request.writes() {
            self.policy().may_write(&site, &path).map_err(error)?;
        }
        let opened = self.at(fd, path, request.access(), move |site, path| site.open(path, &request)).await?;
        Ok(self.push(&site, opened, &request)?)
    }

    async fn stat_at(
        &mut self,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        let stat =
            self.look(fd, path, move |site, path| beneath::stat(site.fd(), path, follow(flags))).await?;
        Ok(meta::stat_p2(&stat))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        let stat =
            self.look(fd, path, move |site, path| beneath::stat(site.fd(), path, follow(flags))).await?;
        let lower = meta::identity(&stat);
        Ok(types::MetadataHashValue { lower, upper: !lower })
    }

    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.look(fd, path, |site, path| beneath::read_link(site.fd(), path)).await
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.change(fd, path, |site, path| site.create_dir(path)).await
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.change(fd, path, |site, path| site.remove_dir(path)).await
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.change(fd, path, |site, path| site.unlink(path)).await
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        self.change(fd, path, move |site, path| site.symlink(&target, path)).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FsResult<()> {
        let times =
            meta::timestamps(new_time(access).map_err(error)?, new_time(modification).map_err(error)?);
        self.change(fd, path, move |site, path| beneath::set_times(site.fd(), path, follow(flags), &times))
            .await
    }

    async fn link_at(
        &mut self,
        fd: Fd,
        flags: types::PathFlags,
        old: String,
        new_fd: Fd,
        new: String,
    ) -> FsResult<()> {
        if flags.contains(types::PathFlags::SYMLINK_FOLLOW) {
            return Err(types::ErrorCode::Invalid.into());
        }
        let link = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.link(old, new_site, new)
        };
        self.change_two((fd, old), (new_fd, new), link).await
    }

    async fn rename_at(&mut self, fd: Fd, old: String, new_fd: Fd, new: String) -> FsResult<()> {
        let rename = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.rename(old, new_site, new)
        };
        self.change_two((fd, old), (new_fd, new), rename).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        self.wasi().is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<types::MetadataHashValue> {
        let lower = self.identity(&fd)?.map_err(error)?;
        Ok(types::MetadataHashValue { lower, upper: !lower })
    }

    async fn advise(&mut self, fd: Fd, offset: u64, len: u64, advice: types::Advice) -> FsResult<()> {
        self.wasi().advise(fd, offset, len, advice).await
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.wasi().sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<types::DescriptorFlags> {
        self.wasi().get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<types::DescriptorType> {
        self.wasi().get_type(fd).await
    }

    async fn set_size(&mut self, fd: Fd, size: u64) -> FsResult<()> {
        if let Some((file, quota)) = self.in_volume(&fd)? {
            return self.within(&fd, move || quota.set_size(&file, size)).await.map_err(error);
        }
        self.wasi().set_size(fd, size).await
    }

    async fn set_times(
        &mut self,
        fd: Fd,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FsResult<()> {
        self.wasi().set_times(fd, access, modification).await
    }

    async fn read(&mut self, fd: Fd, len: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        self.wasi().read(fd, len, offset).await
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        if let Some((file, quota)) = self.in_volume(&fd)? {
            let write = move || quota.write(&file, &bytes, Place::At(offset));
            return self.within(&fd, write).await.map(|written| written as u64).map_err(error);
        }
        self.wasi().write(fd, bytes, offset).await
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<types::DirectoryEntryStream>> {
        self.wasi().read_directory(fd).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.wasi().sync(fd).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<types::DescriptorStat> {
        self.wasi().stat(fd).await
    }

    fn read_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynInputStream>> {
        self.wasi().read_via_stream(fd, offset)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        if let Some(writing) = self.writing(&fd, Place::At(offset))? {
            return self.push_stream(VolumeStream::new(writing));
        }
        self.wasi().write_via_stream(fd, offset)
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        if let Some(writing) = self.writing(&fd, Place::End)? {
            return self.push_stream(VolumeStream::new(writing));
        }
        self.wasi().append_via_stream(fd)
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        types::HostDescriptor::drop(&mut self.wasi(), fd)
    }
}

impl types::HostDirectoryEntryStream for FsView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<types::DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        self.wasi().read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<types::DirectoryEntryStream>) -> wasmtime::Result<()> {
        types::HostDirectoryEntryStream::drop(&mut self.wasi(), stream)
    }
}

fn error(errno: Errno) -> FsError {
    code_p2(errno).into()
}

fn follow(flags: types::PathFlags) -> Follow {
    if flags.contains(types::PathFlags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No }
}

fn open_request(
    path_flags: types::PathFlags,
    open: types::OpenFlags,
    flags: types::DescriptorFlags,
) -> Result<OpenRequest, Errno> {
    use types::{DescriptorFlags as D, OpenFlags as O};
    if flags.intersects(D::FILE_INTEGRITY_SYNC | D::DATA_INTEGRITY_SYNC | D::REQUESTED_WRITE_SYNC) {
        return Err(Errno::NOTSUP);
    }
    let request = OpenRequest {
        follow: path_flags.contains(types::PathFlags::SYMLINK_FOLLOW),
        create: open.contains(O::CREATE),
        exclusive: open.contains(O::EXCLUSIVE),
        truncate: open.contains(O::TRUNCATE),
        directory: open.contains(O::DIRECTORY),
        read: flags.contains(D::READ),
        write: flags.contains(D::WRITE),
    };
    request.check()?;
    Ok(request)
}

fn new_time(time: types::NewTimestamp) -> Result<NewTime, Errno> {
    match time {
        types::NewTimestamp::NoChange => Ok(NewTime::Keep),
        types::NewTimestamp::Now => Ok(NewTime::Now),
        types::NewTimestamp::Timestamp(at) => {
            let seconds = i64::try_from(at.seconds).map_err(|_| Errno::OVERFLOW)?;
            NewTime::at(seconds, at.nanoseconds)
        }
    }
}

/// A descriptor as wasmtime-wasi wants it.
fn descriptor(opened: Opened, perms: FsPerms, blocking: Blocking, request: &OpenRequest) -> Descriptor {
    let mut mode = OpenMode::empty();
    mode.set(OpenMode::READ, request.reads());
    mode.set(OpenMode::WRITE, request.writes());
    let inline = blocking == Blocking::Inline;
    match opened {
        Opened::Dir(dir) => Descriptor::Dir(Dir::new(dir, perms, mode, inline)),
        Opened::File(file) => Descriptor::File(File::new(file, perms, mode, inline)),
    }
}
