//! What grants permit, and how they compare.
//!
//! For all grants `a`, `b` and requests `r`: `a.covers(b)` exactly when `b.permits(r)` implies `a.permits(r)`,
//! and `a.meet(b)` permits exactly what both permit. Guest paths of folders and volumes are names, not
//! authority: they play no part in either, and a meet keeps those of its left side.

use super::{Access, Grant, Host, HostPath, HostPattern, Ports, Request};
use std::net::{IpAddr, SocketAddr};

impl Grant {
    /// True when the grant permits this access.
    pub fn permits(&self, request: &Request<'_>) -> bool {
        match (self, request) {
            (Self::Dir { host, access, .. }, Request::Dir { path, access: wanted }) => {
                host.contains(path) && wanted <= access
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
            (Self::Http { methods, url }, Request::Http { method, scheme, host, addr, port, path }) => {
                *scheme == url.scheme
                    && methods.contains(method)
                    && url.ports.contains(*port)
                    && host_permits(&url.host, host, *addr)
                    && url.path.matches(path)
            }
            (Self::TcpConnect { host, ports }, Request::TcpConnect { host: name, addr })
            | (Self::UdpConnect { host, ports }, Request::UdpConnect { host: name, addr }) => {
                connect_permits(host, ports, *name, addr)
            }
            (Self::ListenTcp { port }, Request::ListenTcp { port: wanted }) => port == wanted,
            (own, Request::Resolve { name }) => {
                own.resolvable().is_some_and(|pattern| host_permits(pattern, name, None))
            }
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

    /// True when `self` permits everything that `other` permits.
    pub fn covers(&self, other: &Self) -> bool {
        self.kind() == other.kind() && other.meet(self).as_ref() == Some(other)
            || matches!(other, Self::Dns { pattern } if self.resolvable().is_some_and(|own| own.covers(pattern)))
    }

    /// The grant that permits what both permit, with the guest path of `self`; `None` when that is nothing.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        self.meet_kind(other).or_else(|| {
            let pattern = self.resolvable()?.meet(other.resolvable()?)?;
            Some(Self::Dns { pattern })
        })
    }

    /// The names that the grant lets a guest look up: those of `dns`, and those it may connect to.
    pub fn resolvable(&self) -> Option<&HostPattern> {
        match self {
            Self::Dns { pattern } => Some(pattern),
            Self::TcpConnect { host, .. } | Self::UdpConnect { host, .. } => host.resolvable(),
            _ => None,
        }
    }

    /// The grant with a relative folder made absolute; other grants stay as they are.
    pub fn resolve(&self, base: &HostPath) -> Self {
        match self {
            Self::Dir { host, guest, access } => {
                Self::Dir { host: host.resolve(base), guest: guest.clone(), access: *access }
            }
            other => other.clone(),
        }
    }

    fn meet_kind(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Dir { .. }, Self::Dir { .. }) => return self.meet_dir(other),
            (Self::Volume { name, guest, size }, Self::Volume { name: theirs, size: most, .. })
                if name == theirs =>
            {
                Self::Volume { name: name.clone(), guest: guest.clone(), size: *size.min(most) }
            }
            (Self::Env { name, value }, Self::Env { name: theirs, value: given }) if name == theirs => {
                let value = match (value, given) {
                    (Some(a), Some(b)) if a != b => return None,
                    (a, b) => a.as_ref().or(b.as_ref()),
                };
                Self::Env { name: name.clone(), value: value.cloned() }
            }
            (Self::Secret { name, reveal }, Self::Secret { name: theirs, reveal: read })
                if name == theirs =>
            {
                Self::Secret { name: name.clone(), reveal: *reveal && *read }
            }
            (Self::Http { methods, url }, Self::Http { methods: theirs, url: urls }) => {
                Self::Http { methods: methods.meet(theirs)?, url: url.meet(urls)? }
            }
            (Self::TcpConnect { host, ports }, Self::TcpConnect { host: hosts, ports: theirs }) => {
                Self::TcpConnect { host: host.meet(hosts)?, ports: ports.meet(theirs)? }
            }
            (Self::UdpConnect { host, ports }, Self::UdpConnect { host: hosts, ports: theirs }) => {
                Self::UdpConnect { host: host.meet(hosts)?, ports: ports.meet(theirs)? }
            }
            (Self::ListenTcp { port }, Self::ListenTcp { port: theirs }) if port == theirs => self.clone(),
            (Self::Random, Self::Random) => Self::Random,
            (Self::Clock { resolution }, Self::Clock { resolution: theirs }) => {
                Self::Clock { resolution: *resolution.max(theirs) }
            }
            (Self::Kv { store, access }, Self::Kv { store: theirs, access: most }) if store == theirs => {
                Self::Kv { store: store.clone(), access: *access.min(most) }
            }
            (Self::Topic { direction, pattern }, Self::Topic { direction: way, pattern: theirs })
                if direction == way =>
            {
                Self::Topic { direction: *direction, pattern: pattern.meet(theirs)? }
            }
            _ => return None,
        })
    }

    /// Where the other side names a folder inside ours, the guest sees that folder at the place it had in ours.
    fn meet_dir(&self, other: &Self) -> Option<Self> {
        let (Self::Dir { host, guest, access }, Self::Dir { host: theirs, access: most, .. }) = (self, other)
        else {
            return None;
        };
        let access: Access = *access.min(most);
        if theirs.contains(host) {
            return Some(Self::Dir { host: host.clone(), guest: guest.clone(), access });
        }
        let guest = guest.join(&host.remainder(theirs)?);
        Some(Self::Dir { host: theirs.clone(), guest, access })
    }
}

fn host_permits(pattern: &HostPattern, host: &str, addr: Option<IpAddr>) -> bool {
    host.parse::<Host>().is_ok_and(|host| pattern.permits(&host, addr))
}

fn connect_permits(pattern: &HostPattern, ports: &Ports, name: Option<&str>, addr: &SocketAddr) -> bool {
    let host = match name {
        Some(name) => host_permits(pattern, name, Some(addr.ip())),
        None => pattern.names_address(addr.ip()),
    };
    host && ports.contains(addr.port())
}
