//! Calls that name a path.

use std::sync::Arc;

use tombolo_spec::{Access, LimitName};
use wasmtime_wasi::p1::types as t;

use super::convert::error;
use super::fds::{DirFd, Fd, FileFd};
use crate::fs::beneath::{Follow, Opened, PathError};
use crate::fs::policy::{OpenRequest, Site, run};
use crate::guest::Guest;

impl Guest {
    /// Does something with a path below a directory, that changes nothing.
    pub(super) async fn look<T: Send + 'static>(
        &mut self,
        fd: t::Fd,
        path: String,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> Result<T, t::Error> {
        let site = self.fds().dir(fd)?.site.clone();
        self.at(site, path, Access::Read, work).await
    }

    /// Does something with a path below a directory, that changes something.
    pub(super) async fn change<T: Send + 'static>(
        &mut self,
        fd: t::Fd,
        path: String,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> Result<T, t::Error> {
        let site = self.fds().dir(fd)?.site.clone();
        self.template().fs_policy().may_write(&site, &path).map_err(error)?;
        self.at(site, path, Access::ReadWrite, work).await
    }

    /// Does something with two paths, each of which changes.
    pub(super) async fn change_two(
        &mut self,
        (old_fd, old): (t::Fd, String),
        (new_fd, new): (t::Fd, String),
        work: impl FnOnce((&Site, &str), (&Site, &str)) -> Result<(), PathError> + Send + 'static,
    ) -> Result<(), t::Error> {
        let new_site = self.fds().dir(new_fd)?.site.clone();
        self.template().fs_policy().may_write(&new_site, &new).map_err(error)?;
        self.change(old_fd, old, move |old_site, old| work((old_site, old), (&new_site, &new))).await
    }

    async fn at<T: Send + 'static>(
        &mut self,
        site: Site,
        path: String,
        access: Access,
        work: impl FnOnce(&Site, &str) -> Result<T, PathError> + Send + 'static,
    ) -> Result<T, t::Error> {
        let blocking = self.template().blocking();
        let (worked, path, site) = run(blocking, move || (work(&site, &path), path, site)).await;
        self.template().fs_policy().settle(&site, &path, access, worked).map_err(error)
    }

    /// Opens a file or directory and gives it the lowest free number.
    pub(super) async fn open_path(
        &mut self,
        fd: t::Fd,
        path: String,
        request: OpenRequest,
        flags: t::Fdflags,
    ) -> Result<t::Fd, t::Error> {
        let site = self.fds().dir(fd)?.site.clone();
        if request.writes() {
            self.template().fs_policy().may_write(&site, &path).map_err(error)?;
        }
        let here = site.clone();
        let dir = site.dir;
        let open = move |site: &Site, path: &str| site.open(path, &request);
        let opened = match self.at(site, path, request.access(), open).await? {
            Opened::Dir(file) => {
                let site = Site { file: Arc::new(file), ..here };
                Fd::Dir(DirFd { site, preopen: None, listing: None })
            }
            Opened::File(file) => Fd::File(FileFd {
                file: Arc::new(file),
                dir,
                quota: here.quota,
                position: 0,
                append: flags.contains(t::Fdflags::APPEND),
                nonblocking: flags.contains(t::Fdflags::NONBLOCK),
                readable: request.reads(),
                writable: request.writes(),
                grant_writable: self.template().dirs().get(dir).is_some_and(|granted| granted.writable()),
            }),
        };
        self.push(opened)
    }

    fn push(&mut self, fd: Fd) -> Result<t::Fd, t::Error> {
        let max = self.template().limits().handles;
        match self.fds().push(fd, max) {
            Some(number) => Ok(number),
            None => {
                self.refuse_limit(LimitName::Handles);
                Err(t::Errno::Mfile.into())
            }
        }
    }
}

pub(super) fn follow(flags: t::Lookupflags) -> Follow {
    if flags.contains(t::Lookupflags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No }
}

/// # Errors
/// `ENOTSUP` for writes that are to be synchronous, as in the later versions.
pub(super) fn open_request(
    lookup: t::Lookupflags,
    open: t::Oflags,
    rights: t::Rights,
    flags: t::Fdflags,
) -> Result<OpenRequest, t::Error> {
    if flags.intersects(t::Fdflags::SYNC | t::Fdflags::DSYNC | t::Fdflags::RSYNC) {
        return Err(t::Errno::Notsup.into());
    }
    let request = OpenRequest {
        follow: lookup.contains(t::Lookupflags::SYMLINK_FOLLOW),
        create: open.contains(t::Oflags::CREAT),
        exclusive: open.contains(t::Oflags::EXCL),
        truncate: open.contains(t::Oflags::TRUNC),
        directory: open.contains(t::Oflags::DIRECTORY),
        read: rights.contains(t::Rights::FD_READ),
        write: rights.contains(t::Rights::FD_WRITE),
    };
    request.check().map_err(error)?;
    Ok(request)
}
