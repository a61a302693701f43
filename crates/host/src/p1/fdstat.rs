//! What a descriptor is and lets a guest do, in the words that C libraries look for.

use wasmtime_wasi::cli::IsTerminal as _;
use wasmtime_wasi::p1::types as t;

use super::convert;
use super::fds::{Fd, FileFd};
use crate::guest::Guest;
use crate::stdio::LogStream;

impl Guest {
    pub(super) fn fdstat(&mut self, fd: t::Fd) -> Result<t::Fdstat, t::Error> {
        let (filetype, flags, base, inheriting) = match self.fds().get(fd)? {
            Fd::Stdin(_) => {
                (self.stream_type(fd)?, t::Fdflags::empty(), t::Rights::FD_READ, t::Rights::FD_READ)
            }
            Fd::Output(_) => {
                (self.stream_type(fd)?, t::Fdflags::empty(), t::Rights::FD_WRITE, t::Rights::FD_WRITE)
            }
            Fd::Dir(_) => {
                (t::Filetype::Directory, t::Fdflags::empty(), dir_rights(), dir_rights() | file_rights())
            }
            Fd::File(file) => {
                let rights = rights_of(file);
                (t::Filetype::RegularFile, flags_of(file), rights, rights)
            }
        };
        Ok(t::Fdstat {
            fs_filetype: filetype,
            fs_flags: flags,
            fs_rights_base: base,
            fs_rights_inheriting: inheriting,
        })
    }

    pub(super) fn stream_type(&mut self, fd: t::Fd) -> Result<t::Filetype, t::Errno> {
        let stream = match self.fds().get(fd)? {
            Fd::Stdin(_) => None,
            Fd::Output(stream) => Some(*stream),
            Fd::Dir(_) | Fd::File(_) => return Err(t::Errno::Badf),
        };
        let shared = self.stdio().open();
        let terminal = match stream {
            None => shared.stdin().is_terminal(),
            Some(LogStream::Stdout) => shared.is_terminal(LogStream::Stdout),
            Some(LogStream::Stderr) => shared.is_terminal(LogStream::Stderr),
        };
        Ok(convert::stream_type(terminal))
    }
}

fn flags_of(file: &FileFd) -> t::Fdflags {
    let mut flags = t::Fdflags::empty();
    flags.set(t::Fdflags::APPEND, file.append);
    flags.set(t::Fdflags::NONBLOCK, file.nonblocking);
    flags
}

fn rights_of(file: &FileFd) -> t::Rights {
    let mut rights = file_rights();
    rights.set(t::Rights::FD_READ, file.readable);
    rights.set(t::Rights::FD_WRITE, file.writable);
    rights.set(t::Rights::FD_FILESTAT_SET_SIZE, file.writable);
    rights
}

fn file_rights() -> t::Rights {
    t::Rights::FD_DATASYNC
        | t::Rights::FD_READ
        | t::Rights::FD_SEEK
        | t::Rights::FD_FDSTAT_SET_FLAGS
        | t::Rights::FD_SYNC
        | t::Rights::FD_TELL
        | t::Rights::FD_WRITE
        | t::Rights::FD_ADVISE
        | t::Rights::FD_ALLOCATE
        | t::Rights::FD_FILESTAT_GET
        | t::Rights::FD_FILESTAT_SET_SIZE
        | t::Rights::FD_FILESTAT_SET_TIMES
        | t::Rights::POLL_FD_READWRITE
}

fn dir_rights() -> t::Rights {
    t::Rights::PATH_CREATE_DIRECTORY
        | t::Rights::PATH_CREATE_FILE
        | t::Rights::PATH_LINK_SOURCE
        | t::Rights::PATH_LINK_TARGET
        | t::Rights::PATH_OPEN
        | t::Rights::FD_READDIR
        | t::Rights::PATH_READLINK
        | t::Rights::PATH_RENAME_SOURCE
        | t::Rights::PATH_RENAME_TARGET
        | t::Rights::PATH_SYMLINK
        | t::Rights::PATH_REMOVE_DIRECTORY
        | t::Rights::PATH_UNLINK_FILE
        | t::Rights::PATH_FILESTAT_GET
        | t::Rights::PATH_FILESTAT_SET_TIMES
        | t::Rights::FD_FILESTAT_GET
        | t::Rights::FD_FILESTAT_SET_TIMES
}
