//! What an act finds: three folders, sentinels that listen, and the front process.

use std::fs::File;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;

use crate::act::call;
use rustix::fs::{CWD, Mode, OFlags, openat};
use tempfile::TempDir;
use tombolo_sandbox::{Access, FileRule, Network, Policy, send_fds};

pub(crate) const SECRET: &str = "the canary's secret";

pub(crate) struct Stage {
    pub(crate) root: TempDir,
    pub(crate) read_only: OwnedFd,
    pub(crate) read_write: OwnedFd,
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
    pub(crate) unix: UnixListener,
    pub(crate) unix_datagram: UnixDatagram,
    pub(crate) abstract_unix: UnixListener,
    /// The number of the front process.
    pub(crate) front: u32,
    /// The front's network namespace.
    pub(crate) net: File,
    pub(crate) segment: Segment,
    /// What the listener `tcp` was sent to.
    pub(crate) mail: UnixStream,
    /// A datagram socket that leads to `udp`, and could lead elsewhere.
    pub(crate) led: UdpSocket,
}

impl Stage {
    pub(crate) fn new() -> io::Result<Stage> {
        let root = TempDir::new()?;
        for folder in ["ro", "rw", "out", "rw/one", "rw/two"] {
            std::fs::create_dir(root.path().join(folder))?;
            std::fs::write(root.path().join(folder).join("file"), SECRET)?;
        }
        let open = |name| openat(CWD, root.path().join(name), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let front = std::process::id();
        let name = SocketAddr::from_abstract_name(format!("tombolo-sentinel-{front}"))?;
        let (mail, from) = UnixStream::pair()?;
        let stage = Stage {
            read_only: open("ro")?,
            read_write: open("rw")?,
            tcp: TcpListener::bind("127.0.0.1:0")?,
            udp: UdpSocket::bind("127.0.0.1:0")?,
            unix: UnixListener::bind(root.path().join("socket"))?,
            unix_datagram: UnixDatagram::bind(root.path().join("datagrams"))?,
            abstract_unix: UnixListener::bind_addr(&name)?,
            front,
            net: File::open("/proc/self/ns/net")?,
            segment: Segment::new(front)?,
            mail,
            led: UdpSocket::bind("127.0.0.1:0")?,
            root,
        };
        stage.led.connect(stage.udp.local_addr()?)?;
        send_fds(&from, b"listener", &[stage.tcp.as_fd()])?;
        stage.tcp.set_nonblocking(true)?;
        stage.udp.set_nonblocking(true)?;
        stage.unix.set_nonblocking(true)?;
        stage.unix_datagram.set_nonblocking(true)?;
        stage.abstract_unix.set_nonblocking(true)?;
        Ok(stage)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// True if anything reached a sentinel, or the canary outside is not what it was.
    pub(crate) fn saw_something(&self) -> bool {
        let canary = std::fs::read_to_string(self.path("out/file"));
        self.tcp.accept().is_ok()
            || self.udp.recv(&mut [0]).is_ok()
            || self.unix.accept().is_ok()
            || self.unix_datagram.recv(&mut [0]).is_ok()
            || self.abstract_unix.accept().is_ok()
            || !canary.is_ok_and(|text| text == SECRET)
    }
}

/// `ro` may be read, `rw` be written, `out` has no grant.
pub(crate) fn folders(stage: &Stage) -> Policy<'_> {
    let read = FileRule { fd: stage.read_only.as_fd(), access: Access::ReadOnly };
    let write = FileRule { fd: stage.read_write.as_fd(), access: Access::ReadWrite };
    Policy { files: vec![read, write], ..Policy::default() }
}

/// A network grant for another port than the sentinel's.
pub(crate) fn tcp_elsewhere(_: &Stage) -> Policy<'_> {
    let network = Network::Tcp { connect: vec![9], bind: vec![9], any: false };
    Policy { network, ..Policy::default() }
}

/// Sockets that were given, as a cell of a node has them, and none that may be made.
pub(crate) fn given_sockets(_: &Stage) -> Policy<'_> {
    Policy { given_sockets: true, ..Policy::default() }
}

/// A System V shared memory segment, gone when this is dropped.
pub(crate) struct Segment {
    key: u32,
    id: usize,
}

impl Segment {
    fn new(key: u32) -> io::Result<Segment> {
        let id = call(libc::SYS_shmget, [key as usize, 4096, libc::IPC_CREAT as usize | 0o600])?;
        Ok(Segment { key, id: id as usize })
    }

    pub(crate) fn key(&self) -> usize {
        self.key as usize
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        call(libc::SYS_shmctl, [self.id, libc::IPC_RMID as usize, 0]).expect("remove the segment");
    }
}
