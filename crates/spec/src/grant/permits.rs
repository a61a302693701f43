//! What a grant means: the accesses it permits.

use super::url_path::canonical_path;
use super::{Grant, Host, HostPattern, Ports, Request};
use std::borrow::Cow;
use std::net::SocketAddr;

impl Grant {
    /// True when the grant permits this access.
    pub fn permits(&self, request: &Request<'_>) -> bool {
        Asked::new(request).is_some_and(|asked| self.permits_asked(&asked))
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
                connects(host, ports, asked.host.as_ref(), addr)
            }
            (Self::ListenTcp { port }, Request::ListenTcp { port: wanted }) => port == wanted,
            (own, Request::Resolve { .. }) => match (own.resolvable(), &asked.host) {
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
        let (Some(host), Some(path)) = (&asked.host, &asked.path) else { return false };
        *scheme == url.scheme
            && url.ports.contains(*port)
            && methods.contains(method)
            && url.path.matches_canonical(path)
            && url.host.permits(host, *addr)
    }
}

fn connects(pattern: &HostPattern, ports: &Ports, host: Option<&Host>, addr: &SocketAddr) -> bool {
    let reaches = match host {
        Some(host) => pattern.permits(host, Some(addr.ip())),
        None => pattern.names_address(addr.ip()),
    };
    reaches && ports.contains(addr.port())
}

/// A request whose host and path are in canonical form, made once and compared with many grants.
pub(super) struct Asked<'a> {
    request: &'a Request<'a>,
    host: Option<Host>,
    path: Option<Cow<'a, str>>,
}

impl<'a> Asked<'a> {
    /// `None` for a host or path that no grant can name: nobody permits it.
    pub(super) fn new(request: &'a Request<'a>) -> Option<Self> {
        let (host, path) = match request {
            Request::Http { host, path, .. } => (Some(*host), Some(*path)),
            Request::TcpConnect { host, .. } | Request::UdpConnect { host, .. } => (*host, None),
            Request::Resolve { name } => (Some(*name), None),
            _ => (None, None),
        };
        let host = host.map(str::parse).transpose().ok()?;
        let path = path.map(canonical_path).transpose().ok()?;
        Some(Self { request, host, path })
    }
}
