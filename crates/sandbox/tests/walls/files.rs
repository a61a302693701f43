//! Files: what has no grant, and what has a grant to read only.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, linkat, mknodat, openat};
use tombolo_sandbox::Layer::{Landlock, Seccomp, UserNamespace};

use crate::act::{Act, NO_ACCESS, NOT_PERMITTED, OTHER_TREE, call};
use crate::stage::{SECRET, Stage, folders};

pub(crate) const ACTS: &[Act] = &[
    Act::new("open a file with no file granted", |stage| File::open(stage.path("out/file")).map(drop))
        .refused_by(&[(Landlock, NO_ACCESS), (Seccomp, NOT_PERMITTED)]),
    Act::new("look at a file with no file granted", |stage| {
        std::fs::metadata(stage.path("out/file")).map(drop)
    })
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("read outside", |stage| File::open(stage.path("out/file")).map(drop))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("read outside through the parent folder", read_through_parent)
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("read outside through a symbolic link", read_through_link)
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("list the root folder", |_| File::open("/").map(drop))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("write a read-only file", |stage| write(stage, "ro/file"))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("truncate a read-only file by path", truncate)
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS), (Seccomp, NOT_PERMITTED)]),
    Act::new("truncate a read-only file by opening it", open_truncating)
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("create a file in a read-only folder", |stage| File::create_new(stage.path("ro/new")).map(drop))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("create a folder in a read-only folder", |stage| mkdir(stage, "ro/new"))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("remove a file in a read-only folder", |stage| unlink(stage, "ro/file"))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("rename from read-only to read-write", |stage| rename(stage, "ro/file", "rw/moved"))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("rename from outside to read-write", |stage| rename(stage, "stray", "rw/moved"))
        .under(with_stray)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("rename from read-write to outside", |stage| rename(stage, "rw/file", "out/moved"))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("hard-link a read-only file into read-write", |stage| link(stage, "ro/file", "rw/link"))
        .under(folders)
        .refused_by(&[(Landlock, OTHER_TREE)]),
    Act::new("hard-link an outside file into read-write", |stage| link(stage, "out/file", "rw/link"))
        .under(folders)
        .refused_by(&[(Landlock, OTHER_TREE)]),
    Act::new("make a named pipe", fifo)
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS), (Seccomp, NOT_PERMITTED)]),
    Act::new("change the mode of an outside file", chmod)
        .under(folders)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("set an attribute of an outside file", set_attribute)
        .under(folders)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("open the own memory as a file", |_| {
        OpenOptions::new().read(true).write(true).open("/proc/self/mem").map(drop)
    })
    .under(folders)
    .refused_by(&[(Landlock, NO_ACCESS)]),
    Act::new("open the front's memory as a file", |stage| {
        File::open(format!("/proc/{}/mem", stage.front)).map(drop)
    })
    .under(folders)
    .refused_by(&[(Landlock, NO_ACCESS), (UserNamespace, NO_ACCESS)]),
    Act::new("open the front's environment", |stage| {
        File::open(format!("/proc/{}/environ", stage.front)).map(drop)
    })
    .under(folders)
    .refused_by(&[(Landlock, NO_ACCESS), (UserNamespace, NO_ACCESS)]),
    Act::new("list the machine's processes", |_| std::fs::read_dir("/proc").map(drop))
        .under(folders)
        .refused_by(&[(Landlock, NO_ACCESS)]),
];

/// A file beside the folders, for an act that moves it: the canary itself would be missed.
fn with_stray(stage: &Stage) -> tombolo_sandbox::Policy<'_> {
    std::fs::write(stage.path("stray"), SECRET).expect("write a stray file");
    folders(stage)
}

fn read_through_parent(stage: &Stage) -> io::Result<()> {
    openat(&stage.read_write, "../out/file", OFlags::RDONLY, Mode::empty())?;
    Ok(())
}

fn read_through_link(stage: &Stage) -> io::Result<()> {
    rustix::fs::symlinkat("../out/file", CWD, stage.path("rw/way-out"))?;
    File::open(stage.path("rw/way-out")).map(drop)
}

fn write(stage: &Stage, name: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(stage.path(name)).map(drop)
}

fn truncate(stage: &Stage) -> io::Result<()> {
    let path = path(stage, "ro/file");
    call(libc::SYS_truncate, [path.as_ptr() as usize, 0]).map(drop)
}

fn open_truncating(stage: &Stage) -> io::Result<()> {
    openat(CWD, stage.path("ro/file"), OFlags::RDONLY | OFlags::TRUNC, Mode::empty())?;
    Ok(())
}

fn mkdir(stage: &Stage, name: &str) -> io::Result<()> {
    Ok(rustix::fs::mkdirat(CWD, stage.path(name), Mode::RWXU)?)
}

fn unlink(stage: &Stage, name: &str) -> io::Result<()> {
    Ok(rustix::fs::unlinkat(CWD, stage.path(name), AtFlags::empty())?)
}

fn rename(stage: &Stage, from: &str, to: &str) -> io::Result<()> {
    Ok(rustix::fs::renameat(CWD, stage.path(from), CWD, stage.path(to))?)
}

fn link(stage: &Stage, from: &str, to: &str) -> io::Result<()> {
    Ok(linkat(CWD, stage.path(from), CWD, stage.path(to), AtFlags::empty())?)
}

fn fifo(stage: &Stage) -> io::Result<()> {
    Ok(mknodat(CWD, stage.path("rw/fifo"), FileType::Fifo, Mode::RWXU, 0)?)
}

fn chmod(stage: &Stage) -> io::Result<()> {
    Ok(rustix::fs::chmodat(CWD, stage.path("out/file"), Mode::RWXU, AtFlags::empty())?)
}

fn set_attribute(stage: &Stage) -> io::Result<()> {
    Ok(rustix::fs::setxattr(stage.path("out/file"), "user.test", b"x", rustix::fs::XattrFlags::empty())?)
}

fn path(stage: &Stage, name: &str) -> CString {
    use std::os::unix::ffi::OsStrExt;
    CString::new(stage.path(name).as_os_str().as_bytes()).expect("a path without a null byte")
}
