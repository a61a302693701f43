//! Opening listening sockets, and giving them to another process.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::Socket;

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Where to listen: `127.0.0.1:8080`, `[::]:80`, `unix:/run/app.sock`, or `systemd` for inherited sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and port; port 0 lets the kernel choose one.
    Tcp(SocketAddr),
    /// A socket file, made with mode 0600; a stale one of a former process is replaced.
    Unix(PathBuf),
    /// The sockets passed by systemd (`LISTEN_FDS`) or by anything that speaks its protocol.
    Systemd,
}

/// Sockets that are bound and listen, not yet accepted from.
#[derive(Debug)]
pub struct Listener {
    /// One for each worker thread where the kernel spreads connections over them (TCP), else one for all.
    sockets: Sockets,
    address: String,
}

#[derive(Debug)]
enum Sockets {
    Tcp(Vec<std::net::TcpListener>),
    Unix(std::os::unix::net::UnixListener),
    Passed(UnixStream),
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The text is no address.
    #[error("cannot listen on {0:?}: not an address; write 127.0.0.1:8080, unix:/path/to/socket, or systemd")]
    Address(String),
    /// The kernel refused.
    #[error("cannot listen on {address}: {source}{}", remedy(source))]
    Bind {
        /// Where.
        address: String,
        /// Its answer.
        source: io::Error,
    },
    /// The socket file belongs to a process that answers.
    #[error("cannot listen on {}: another process already does", .0.display())]
    SocketInUse(PathBuf),
    /// Nothing was inherited.
    #[error("cannot listen on systemd sockets: none were passed (LISTEN_FDS is not set for this process)")]
    NothingInherited,
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; stop the other process or choose another port",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE, or let systemd pass the socket"
        }
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}

impl FromStr for ListenAddress {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<ListenAddress, ListenError> {
        match text.strip_prefix("unix:") {
            Some("") => Err(ListenError::Address(text.into())),
            Some(path) => Ok(ListenAddress::Unix(path.into())),
            None if text == "systemd" => Ok(ListenAddress::Systemd),
            None => text.parse().map(ListenAddress::Tcp).map_err(|_| ListenError::Address(text.into())),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
            ListenAddress::Systemd => f.write_str("systemd"),
        }
    }
}

impl Listener {
    /// Opens the sockets of `address` for `workers` threads.
    ///
    /// # Errors
    /// [`ListenError`], with what to do about it.
    pub fn bind(address: &ListenAddress, workers: usize) -> Result<Vec<Listener>, ListenError> {
        match address {
            ListenAddress::Tcp(address) => Ok(vec![tcp(*address, workers)?]),
            ListenAddress::Unix(path) => Ok(vec![unix(path)?]),
            ListenAddress::Systemd => inherited(),
        }
    }

    /// A socket that somebody else opened and gave to this process; `name` is for messages.
    ///
    /// # Errors
    /// When the kernel does not let it be used without waiting.
    pub fn of_unix(listener: std::os::unix::net::UnixListener, name: &str) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        Ok(Listener { sockets: Sockets::Unix(listener), address: name.to_owned() })
    }

    /// The end of a [`Passage`](crate::Passage) at which connections are accepted; `name` is for messages.
    ///
    /// # Errors
    /// When the kernel does not let it be used without waiting.
    pub fn passed(passage: OwnedFd, name: &str) -> io::Result<Listener> {
        let passage = UnixStream::from(passage);
        passage.set_nonblocking(true)?;
        Ok(Listener { sockets: Sockets::Passed(passage), address: name.to_owned() })
    }

    /// Sockets of one address that another process opened, as [`Listener::descriptors`] gave them there.
    ///
    /// # Errors
    /// When they are no sockets, or none.
    pub fn given(sockets: Vec<OwnedFd>) -> io::Result<Listener> {
        let first = sockets.first().ok_or(io::ErrorKind::InvalidInput)?;
        let address = rustix::net::getsockname(first)?;
        for socket in &sockets {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        Ok(match SocketAddr::try_from(address) {
            Ok(address) => {
                let sockets = Sockets::Tcp(sockets.into_iter().map(Into::into).collect());
                Listener { sockets, address: address.to_string() }
            }
            Err(_) => {
                let socket = sockets.into_iter().next().ok_or(io::ErrorKind::InvalidInput)?;
                Listener { sockets: Sockets::Unix(socket.into()), address: "unix".to_owned() }
            }
        })
    }

    /// As [`bind`](Self::bind), from sockets that were opened before, by a program that is gone. Those that do not
    /// listen there (any more) are closed; nothing is left if that are all of them.
    pub fn opened(address: &ListenAddress, sockets: Vec<OwnedFd>) -> Vec<Listener> {
        let sockets = sockets.into_iter().filter(|socket| listens_at(address, socket));
        match address {
            ListenAddress::Systemd => {
                sockets.filter_map(|socket| Listener::given(vec![socket]).ok()).collect()
            }
            ListenAddress::Tcp(_) => Listener::given(sockets.collect()).into_iter().collect(),
            ListenAddress::Unix(_) => {
                let listener = Listener::given(sockets.collect()).into_iter();
                listener.map(|listener| Listener { address: address.to_string(), ..listener }).collect()
            }
        }
    }

    /// Its sockets, to be given to another process.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match &self.sockets {
            Sockets::Tcp(sockets) => sockets.iter().map(AsFd::as_fd).collect(),
            Sockets::Unix(socket) => vec![socket.as_fd()],
            Sockets::Passed(socket) => vec![socket.as_fd()],
        }
    }

    /// The socket for the worker at `index`; needs that worker's runtime.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn for_worker(&self, index: usize) -> io::Result<Socket> {
        match &self.sockets {
            Sockets::Tcp(sockets) => {
                let socket = sockets[index % sockets.len()].try_clone()?;
                tokio::net::TcpListener::from_std(socket).map(Socket::Tcp)
            }
            Sockets::Unix(socket) => {
                tokio::net::UnixListener::from_std(socket.try_clone()?).map(Socket::Unix)
            }
            Sockets::Passed(socket) => {
                tokio::net::UnixStream::from_std(socket.try_clone()?).map(Socket::Passed)
            }
        }
    }

    /// The address in use, with the port that the kernel chose.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// The first socket is bound alone, so that an address in use is an error; only then the others join it.
fn tcp(address: SocketAddr, workers: usize) -> Result<Listener, ListenError> {
    let failed = |source: io::Error| ListenError::Bind { address: address.to_string(), source };
    let first = tcp_socket(address, false).map_err(failed)?;
    let actual = rustix::net::getsockname(&first).map_err(|error| failed(error.into()))?;
    let actual = SocketAddr::try_from(actual).map_err(|error| failed(error.into()))?;
    let others = (1..workers.max(1)).map(|_| tcp_socket(actual, true));
    let sockets: Vec<OwnedFd> =
        std::iter::once(Ok(first)).chain(others).collect::<Result<_, _>>().map_err(failed)?;
    for socket in &sockets {
        rustix::net::listen(socket, BACKLOG).map_err(|error| failed(error.into()))?;
    }
    let sockets = Sockets::Tcp(sockets.into_iter().map(Into::into).collect());
    Ok(Listener { sockets, address: actual.to_string() })
}

fn tcp_socket(address: SocketAddr, join: bool) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if join {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    Ok(socket)
}

fn unix(path: &Path) -> Result<Listener, ListenError> {
    let address = format!("unix:{}", path.display());
    let failed = |source: io::Error| ListenError::Bind { address: address.clone(), source };
    remove_stale(path)?;
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(Listener { sockets: Sockets::Unix(listener), address })
}

/// A socket file that nobody listens on is what a killed process leaves behind.
fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let is_socket = path.symlink_metadata().is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    if UnixStream::connect(path).is_ok() {
        return Err(ListenError::SocketInUse(path.into()));
    }
    std::fs::remove_file(path)
        .map_err(|source| ListenError::Bind { address: format!("unix:{}", path.display()), source })
}

/// Whether this is a listening socket of that address, and leads anybody there.
fn listens_at(address: &ListenAddress, socket: &OwnedFd) -> bool {
    let listens = sockopt::socket_type(socket).is_ok_and(|kind| kind == SocketType::STREAM)
        && sockopt::socket_acceptconn(socket).unwrap_or(false);
    let Ok(actual) = rustix::net::getsockname(socket) else { return false };
    listens
        && match address {
            ListenAddress::Systemd => true,
            ListenAddress::Tcp(wanted) => SocketAddr::try_from(actual).is_ok_and(|actual| {
                actual.ip() == wanted.ip() && (actual.port() == wanted.port() || wanted.port() == 0)
            }),
            // One whose file was removed is reached by nobody.
            ListenAddress::Unix(path) => {
                let is_there = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
                let actual = rustix::net::SocketAddrUnix::try_from(actual);
                let is_same = actual.is_ok_and(|actual| {
                    actual.path_bytes().is_some_and(|bytes| bytes == path.as_os_str().as_bytes())
                });
                is_there && is_same
            }
        }
}

fn inherited() -> Result<Vec<Listener>, ListenError> {
    let failed = |source: io::Error| ListenError::Bind { address: "systemd".into(), source };
    let mut passed = listenfd::ListenFd::from_env();
    let listeners = (0..passed.len())
        .map(|index| match passed.take_tcp_listener(index) {
            Ok(Some(listener)) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?.to_string();
                Ok(Some(Listener { sockets: Sockets::Tcp(vec![listener]), address }))
            }
            Ok(None) => Ok(None),
            Err(_) => inherited_unix(&mut passed, index),
        })
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    if listeners.is_empty() { Err(ListenError::NothingInherited) } else { Ok(listeners) }
}

fn inherited_unix(passed: &mut listenfd::ListenFd, index: usize) -> io::Result<Option<Listener>> {
    let Some(listener) = passed.take_unix_listener(index)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    Ok(Some(Listener { sockets: Sockets::Unix(listener), address: format!("systemd:{index}") }))
}
