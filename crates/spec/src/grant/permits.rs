//! What a grant means: the accesses it permits.

use super::canonical::canonical_path;
use super::{Grant, Host, HostPattern, Request};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};

impl Grant {
    /// True when the grant permits this access.
    pub fn permits(&self, request: &Request<'_>) -> bool {
        self.permits_asked(&Asked::new(request))
    }

    /// The names that the grant lets a guest look up: those of `dns`, and those it may connect to.
    pub fn resolvable(&self) -> Option<&HostPattern> {
        match self {
            Self::Dns { pattern } => Some(pattern),
            Self::TcpConnect { host, .. } | Self::UdpConnect { host, .. } => host.of_names(),
            _ => None,
        }
    }

    pub(super) fn permits_asked(&self, asked: &Asked<'_>) -> bool {
        match (self, asked.request) {
            (Self::Dir { host, access, .. }, Request::Dir { path, access: wanted }) => {
                wanted <= access && host.contains(path)
            }
            (Self::Volume { name, size, .. }, Request::Volume { name: wanted, size: grown }) => {
                name.as_str() == *wanted && grown <= size
            }
            (Self::Env { name, value }, Request::Env { name: wanted, value: given }) => {
                name == wanted && (value.is_none() || value.as_deref() == *given)
            }
            (Self::Secret { name, reveal }, Request::Secret { name: wanted, reveal: read }) => {
                name.as_str() == *wanted && read <= reveal
            }
            (Self::Http { .. }, Request::Http { .. }) => self.permits_http(asked),
            (Self::TcpConnect { host, ports }, Request::TcpConnect { addr, .. })
            | (Self::UdpConnect { host, ports }, Request::UdpConnect { addr, .. }) => {
                ports.contains(addr.port()) && asked.reaches(host, Some(addr.ip()))
            }
            (Self::ListenTcp { port }, Request::ListenTcp { port: wanted }) => port == wanted,
            (own, Request::Resolve { .. }) => match (own.resolvable(), asked.host()) {
                (Some(pattern), Some(Host::Name(name))) => pattern.names(name),
                _ => false,
            },
            (Self::Random, Request::Random) => true,
            (Self::Clock { resolution }, Request::Clock { resolution: wanted }) => wanted >= resolution,
            (Self::Kv { store, access }, Request::Kv { store: wanted, access: used }) => {
                store.as_str() == *wanted && used <= access
            }
            (Self::Topic { direction, pattern }, Request::Topic { direction: way, topic }) => {
                direction == way && pattern.matches(topic)
            }
            _ => false,
        }
    }

    fn permits_http(&self, asked: &Asked<'_>) -> bool {
        let Self::Http { methods, url } = self else { return false };
        let Request::Http { method, scheme, addr, port, .. } = asked.request else { return false };
        *scheme == url.scheme
            && url.ports.contains(*port)
            && methods.contains(method)
            && asked.path().is_some_and(|path| url.path.matches_canonical(path))
            && asked.reaches(&url.host, *addr)
    }
}

/// A request that is compared with many grants: its host and path are put into canonical form at most once.
pub(super) struct Asked<'a> {
    request: &'a Request<'a>,
    host: OnceCell<Option<Host>>,
    path: OnceCell<Option<Cow<'a, str>>>,
}

impl<'a> Asked<'a> {
    pub(super) const fn new(request: &'a Request<'a>) -> Self {
        Self { request, host: OnceCell::new(), path: OnceCell::new() }
    }

    fn reaches(&self, pattern: &HostPattern, resolved: Option<IpAddr>) -> bool {
        self.host().is_some_and(|host| pattern.permits(host, resolved))
    }

    /// The name, or the address where no name was asked for; `None` for a text that is no host: nobody permits it.
    fn host(&self) -> Option<&Host> {
        let read = || match self.request {
            Request::Http { host, .. } => host.parse().ok(),
            Request::TcpConnect { host, addr } | Request::UdpConnect { host, addr } => host_or(*host, addr),
            Request::Resolve { name } => name.parse().ok(),
            _ => None,
        };
        self.host.get_or_init(read).as_ref()
    }

    /// `None` for a path that can be read in two ways: nobody permits it.
    fn path(&self) -> Option<&str> {
        let read = || match self.request {
            Request::Http { path, .. } => canonical_path(path).ok(),
            _ => None,
        };
        self.path.get_or_init(read).as_deref()
    }
}

fn host_or(host: Option<&str>, addr: &SocketAddr) -> Option<Host> {
    host.map_or(Some(Host::Address(addr.ip())), |host| host.parse().ok())
}
