//! `wasi:filesystem` 0.3: the same as 0.2, with calls that run side by side.

use std::sync::Arc;

use rustix::io::Errno;
use tokio::sync::oneshot;
use tombolo_spec::Access;
use wasmtime::component::{Access as StoreAccess, Accessor, FutureReader, Resource, StreamReader};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem};
use wasmtime_wasi::p3::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p3::filesystem::{FilesystemError, FilesystemResult};

use super::beneath::{self, Follow, PathError};
use super::errors::code_p3;
use super::meta::{self, NewTime};
use super::p2::{FsView, HasFs};
use super::policy::{OpenRequest, Site, run};
use crate::guest::Guest;
use crate::volume::{Place, VolumeConsumer, Writing};

type Fd = Resource<Descriptor>;
type Store = Accessor<Guest, HasFs>;

impl preopens::Host for FsView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        self.preopened()
    }
}

impl types::Host for FsView<'_> {
    fn convert_error_code(&mut self, error: FilesystemError) -> wasmtime::Result<types::ErrorCode> {
        error.downcast()
    }
}

impl types::HostDescriptor for FsView<'_> {
    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        types::HostDescriptor::drop(&mut self.wasi(), fd)
    }
}

/// What wasmtime-wasi does with open descriptors.
fn wasi(store: &Store) -> Accessor<Guest, WasiFilesystem> {
    store.with_getter::<WasiFilesystem>(Guest::wasi_fs)
}

fn wasi_now(store: StoreContextMut<'_, Guest>) -> StoreAccess<'_, Guest, WasiFilesystem> {
    StoreAccess::new(store, |guest| guest.wasi_fs())
}

fn site(store: &Store, fd: &Fd) -> FilesystemResult<Site> {
    store.with(|mut store| store.get().site(fd)?.map_err(error))
}

/// Does something with a path below a directory, after asking whether it may.
async fn at<T: Send + 'static>(
    store: &Store,
    fd: &Fd,
    path: String,
    access: Access,
    work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
) -> FilesystemResult<T> {
    let site = site(store, fd)?;
    let template = store.with(|mut store| Arc::clone(store.get().template));
    let policy = template.fs_policy();
    if access == Access::ReadWrite {
        policy.may_write(&site, &path).map_err(error)?;
    }
    let (worked, path, site) = run(policy.dirs.blocking, move || (work(&site, &path), path, site)).await;
    policy.settle(&site, &path, access, worked).map_err(error)
}

async fn look<T: Send + 'static>(
    store: &Store,
    fd: Fd,
    path: String,
    work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
) -> FilesystemResult<T> {
    at(store, &fd, path, Access::Read, work).await
}

async fn change<T: Send + 'static>(
    store: &Store,
    fd: Fd,
    path: String,
    work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
) -> FilesystemResult<T> {
    at(store, &fd, path, Access::ReadWrite, work).await
}

/// Does something with two paths, each of which changes.
async fn change_two(
    store: &Store,
    (old_fd, old): (Fd, String),
    (new_fd, new): (Fd, String),
    work: impl FnOnce((&Site, &str), (&Site, &str)) -> Result<(), PathError> + Send + 'static,
) -> FilesystemResult<()> {
    let new_site = site(store, &new_fd)?;
    let template = store.with(|mut store| Arc::clone(store.get().template));
    template.fs_policy().may_write(&new_site, &new).map_err(error)?;
    change(store, old_fd, old, move |old_site, old| work((old_site, old), (&new_site, &new))).await
}

impl types::HostDescriptorWithStore<Guest> for HasFs {
    async fn open_at(
        store: &Store,
        fd: Fd,
        path_flags: types::PathFlags,
        path: String,
        open: types::OpenFlags,
        flags: types::DescriptorFlags,
    ) -> FilesystemResult<Fd> {
        let request = open_request(path_flags, open, flags).map_err(error)?;
        let opened =
            at(store, &fd, path, request.access(), move |site, path| site.open(path, &request)).await?;
        let site = site(store, &fd)?;
        Ok(store.with(|mut store| store.get().push(&site, opened, &request))?)
    }

    async fn stat_at(
        store: &Store,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
    ) -> FilesystemResult<types::DescriptorStat> {
        let stat =
            look(store, fd, path, move |site, path| beneath::stat(site.fd(), path, follow(flags))).await?;
        Ok(meta::stat_p3(&stat))
    }

    async fn metadata_hash_at(
        store: &Store,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
    ) -> FilesystemResult<types::MetadataHashValue> {
        let stat =
            look(store, fd, path, move |site, path| beneath::stat(site.fd(), path, follow(flags))).await?;
        Ok(hash(meta::identity(&stat)))
    }

    async fn readlink_at(store: &Store, fd: Fd, path: String) -> FilesystemResult<String> {
        look(store, fd, path, |site, path| beneath::read_link(site.fd(), path)).await
    }

    async fn create_directory_at(store: &Store, fd: Fd, path: String) -> FilesystemResult<()> {
        change(store, fd, path, |site, path| site.create_dir(path)).await
    }

    async fn remove_directory_at(store: &Store, fd: Fd, path: String) -> FilesystemResult<()> {
        change(store, fd, path, |site, path| site.remove_dir(path)).await
    }

    async fn unlink_file_at(store: &Store, fd: Fd, path: String) -> FilesystemResult<()> {
        change(store, fd, path, |site, path| site.unlink(path)).await
    }

    async fn symlink_at(store: &Store, fd: Fd, target: String, path: String) -> FilesystemResult<()> {
        change(store, fd, path, move |site, path| site.symlink(&target, path)).await
    }

    async fn set_times_at(
        store: &Store,
        fd: Fd,
        flags: types::PathFlags,
        path: String,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FilesystemResult<()> {
        let times =
            meta::timestamps(new_time(access).map_err(error)?, new_time(modification).map_err(error)?);
        change(store, fd, path, move |site, path| beneath::set_times(site.fd(), path, follow(flags), &times))
            .await
    }

    async fn link_at(
        store: &Store,
        fd: Fd,
        flags: types::PathFlags,
        old: String,
        new_fd: Fd,
        new: String,
    ) -> FilesystemResult<()> {
        if flags.contains(types::PathFlags::SYMLINK_FOLLOW) {
            return Err(types::ErrorCode::Invalid.into());
        }
        let link = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.link(old, new_site, new)
        };
        change_two(store, (fd, old), (new_fd, new), link).await
    }

    async fn rename_at(store: &Store, fd: Fd, old: String, new_fd: Fd, new: String) -> FilesystemResult<()> {
        let rename = |(old_site, old): (&Site, &str), (new_site, new): (&Site, &str)| {
            old_site.rename(old, new_site, new)
        };
        change_two(store, (fd, old), (new_fd, new), rename).await
    }

    async fn metadata_hash(store: &Store, fd: Fd) -> FilesystemResult<types::MetadataHashValue> {
        let identity = store.with(|mut store| store.get().identity(&fd))?;
        Ok(hash(identity.map_err(error)?))
    }

    async fn is_same_object(store: &Store, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        WasiFilesystem::is_same_object(&wasi(store), a, b).await
    }

    async fn advise(
        store: &Store,
        fd: Fd,
        offset: u64,
        len: u64,
        advice: types::Advice,
    ) -> FilesystemResult<()> {
        WasiFilesystem::advise(&wasi(store), fd, offset, len, advice).await
    }

    async fn sync_data(store: &Store, fd: Fd) -> FilesystemResult<()> {
        WasiFilesystem::sync_data(&wasi(store), fd).await
    }

    async fn get_flags(store: &Store, fd: Fd) -> FilesystemResult<types::DescriptorFlags> {
        WasiFilesystem::get_flags(&wasi(store), fd).await
    }

    async fn get_type(store: &Store, fd: Fd) -> FilesystemResult<types::DescriptorType> {
        WasiFilesystem::get_type(&wasi(store), fd).await
    }

    async fn set_size(store: &Store, fd: Fd, size: u64) -> FilesystemResult<()> {
        let in_volume = store.with(|mut store| store.get().in_volume(&fd))?;
        if let Some((file, quota)) = in_volume {
            let template = store.with(|mut store| Arc::clone(store.get().template));
            let done = run(template.blocking(), move || quota.set_size(&file, size)).await;
            let dir = store.with(|mut store| store.get().origins.of(fd.rep()));
            return done.inspect_err(|errno| template.fs_policy().note_full(dir, *errno)).map_err(error);
        }
        WasiFilesystem::set_size(&wasi(store), fd, size).await
    }

    async fn set_times(
        store: &Store,
        fd: Fd,
        access: types::NewTimestamp,
        modification: types::NewTimestamp,
    ) -> FilesystemResult<()> {
        WasiFilesystem::set_times(&wasi(store), fd, access, modification).await
    }

    async fn sync(store: &Store, fd: Fd) -> FilesystemResult<()> {
        WasiFilesystem::sync(&wasi(store), fd).await
    }

    async fn stat(store: &Store, fd: Fd) -> FilesystemResult<types::DescriptorStat> {
        WasiFilesystem::stat(&wasi(store), fd).await
    }

    fn read_via_stream(
        mut store: StoreAccess<Guest, Self>,
        fd: Fd,
        offset: u64,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<Result<(), types::ErrorCode>>)> {
        WasiFilesystem::read_via_stream(wasi_now(store.as_context_mut()), fd, offset)
    }

    fn write_via_stream(
        mut store: StoreAccess<Guest, Self>,
        fd: Fd,
        data: StreamReader<u8>,
        offset: u64,
    ) -> wasmtime::Result<FutureReader<Result<(), types::ErrorCode>>> {
        if let Some(writing) = store.get().writing(&fd, Place::At(offset))? {
            return consume(store, data, writing);
        }
        WasiFilesystem::write_via_stream(wasi_now(store.as_context_mut()), fd, data, offset)
    }

    fn append_via_stream(
        mut store: StoreAccess<Guest, Self>,
        fd: Fd,
        data: StreamReader<u8>,
    ) -> wasmtime::Result<FutureReader<Result<(), types::ErrorCode>>> {
        if let Some(writing) = store.get().writing(&fd, Place::End)? {
            return consume(store, data, writing);
        }
        WasiFilesystem::append_via_stream(wasi_now(store.as_context_mut()), fd, data)
    }

    fn read_directory(
        mut store: StoreAccess<Guest, Self>,
        fd: Fd,
    ) -> wasmtime::Result<(StreamReader<types::DirectoryEntry>, FutureReader<Result<(), types::ErrorCode>>)>
    {
        WasiFilesystem::read_directory(wasi_now(store.as_context_mut()), fd)
    }
}

/// Takes a stream into a file of a volume.
fn consume(
    mut store: StoreAccess<'_, Guest, HasFs>,
    data: StreamReader<u8>,
    writing: Writing,
) -> wasmtime::Result<FutureReader<Result<(), types::ErrorCode>>> {
    let (sender, receiver) = oneshot::channel();
    data.pipe(&mut store, VolumeConsumer::new(writing, sender))?;
    FutureReader::new(&mut store, receiver)
}

fn error(errno: Errno) -> FilesystemError {
    code_p3(errno).into()
}

fn hash(lower: u64) -> types::MetadataHashValue {
    types::MetadataHashValue { lower, upper: !lower }
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
        types::NewTimestamp::Timestamp(at) => NewTime::at(at.seconds, at.nanoseconds),
    }
}
