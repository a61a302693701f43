//! One concrete access, as a guest attempts it.

use super::path::HostPath;
use super::url::Scheme;
use super::{Access, Direction};
use crate::units::ByteSize;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One access that a guest attempts, or that a host prepares for it; what [`super::Grant::permits`] decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request<'a> {
    /// A file or folder of this machine, absolute or relative like the grants it is compared with.
    Dir {
        /// The path, free of symbolic links.
        path: &'a HostPath,
        /// Whether it is changed.
        access: Access,
    },
    /// The volume grows to this size.
    Volume {
        /// The volume's name.
        name: &'a str,
        /// Its size after the write.
        size: ByteSize,
    },
    /// An environment variable with this value.
    Env {
        /// The variable's name.
        name: &'a str,
        /// Its value, or `None` for what this machine's environment holds.
        value: Option<&'a str>,
    },
    /// A secret.
    Secret {
        /// The secret's name.
        name: &'a str,
        /// True when the guest reads its text; false when only the host uses it for the guest.
        reveal: bool,
    },
    /// An outgoing HTTP request. Each hop of a redirect is a request of its own.
    Http {
        /// The method as it is sent.
        method: &'a str,
        /// The scheme.
        scheme: Scheme,
        /// The host of the URL, without brackets or port.
        host: &'a str,
        /// The address that the host led to; `None` before it is resolved. Ask again with it.
        addr: Option<IpAddr>,
        /// The port of the URL, or the scheme's.
        port: u16,
        /// The path; a query behind it is left aside.
        path: &'a str,
    },
    /// A TCP connection.
    TcpConnect {
        /// The name that led to the address, if the guest asked for one.
        host: Option<&'a str>,
        /// Where the packet will go.
        addr: SocketAddr,
    },
    /// A TCP listener.
    ListenTcp {
        /// The port.
        port: u16,
    },
    /// A UDP datagram's destination.
    UdpConnect {
        /// The name that led to the address, if the guest asked for one.
        host: Option<&'a str>,
        /// Where the packet will go.
        addr: SocketAddr,
    },
    /// A name lookup.
    Resolve {
        /// The name.
        name: &'a str,
    },
    /// Random bytes.
    Random,
    /// A clock with this resolution.
    Clock {
        /// The smallest step the clock shows.
        resolution: Duration,
    },
    /// A key-value store.
    Kv {
        /// The store's name.
        store: &'a str,
        /// Whether it is changed.
        access: Access,
    },
    /// A message.
    Topic {
        /// Whether the guest sends or receives it.
        direction: Direction,
        /// The topic's name, without wildcards.
        topic: &'a str,
    },
}

impl Request<'_> {
    /// Asks about the same access to the address that its name led to, as if the guest had asked for the address.
    pub(super) fn at_its_address<T>(&self, ask: impl FnOnce(&Request<'_>) -> Option<T>) -> Option<T> {
        match *self {
            Self::Http { addr: Some(addr), method, scheme, port, path, .. } => {
                ask(&Request::Http { method, scheme, host: &addr.to_string(), addr: Some(addr), port, path })
            }
            Self::TcpConnect { addr, .. } => ask(&Request::TcpConnect { host: None, addr }),
            Self::UdpConnect { addr, .. } => ask(&Request::UdpConnect { host: None, addr }),
            _ => None,
        }
    }
}

impl fmt::Display for Request<'_> {
    /// The access in the words of a grant, for events and errors.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir { path, access } => write!(f, "dir {path} {access}"),
            Self::Volume { name, size } => write!(f, "volume {name} {size}"),
            Self::Env { name, .. } => write!(f, "env {name}"),
            Self::Secret { name, reveal } => {
                write!(f, "secret {name}{}", if *reveal { " reveal" } else { "" })
            }
            Self::Http { method, scheme, host, addr, port, path } => {
                let path = path.split(['?', '#']).next().unwrap_or_default();
                let host = if host.contains(':') { format!("[{host}]") } else { (*host).to_owned() };
                let port = if *port == scheme.default_port() { String::new() } else { format!(":{port}") };
                write!(
                    f,
                    "http {} {scheme}://{}{port}{}",
                    method.escape_debug(),
                    host.escape_debug(),
                    path.escape_debug()
                )?;
                addr.map_or(Ok(()), |addr| write!(f, " at {addr}"))
            }
            Self::TcpConnect { host, addr } => connect(f, "tcp", *host, addr),
            Self::UdpConnect { host, addr } => connect(f, "udp", *host, addr),
            Self::ListenTcp { port } => write!(f, "listen tcp {port}"),
            Self::Resolve { name } => write!(f, "dns {}", name.escape_debug()),
            Self::Random => f.write_str("random"),
            Self::Clock { resolution } => write!(f, "clock {}", crate::units::Time(*resolution)),
            Self::Kv { store, access } => write!(f, "kv {} {access}", store.escape_debug()),
            Self::Topic { direction, topic } => write!(f, "topic {direction} {}", topic.escape_debug()),
        }
    }
}

fn connect(f: &mut fmt::Formatter<'_>, kind: &str, host: Option<&str>, addr: &SocketAddr) -> fmt::Result {
    match host {
        Some(host) => write!(f, "{kind} connect {}:{} at {}", host.escape_debug(), addr.port(), addr.ip()),
        None => write!(f, "{kind} connect {addr}"),
    }
}
