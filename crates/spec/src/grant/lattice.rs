//! How grants compare.
//!
//! For all grants `a`, `b` and requests `r`: `a.meet(b)` permits `r` exactly when both do, and `a.covers(b)`
//! exactly when `b` permits `r` implies that `a` does. Guest paths of folders and volumes are names, not
//! authority: they play no part in either, and a meet keeps those of its left side.

use super::{Access, Grant, HostPath};

impl Grant {
    /// True when the grant permits all that `other` permits.
    pub fn covers(&self, other: &Self) -> bool {
        other.meet(self).as_ref() == Some(other)
    }

    /// The grant that permits what both permit, with the guest path of `self`; `None` when that is nothing.
    ///
    /// Two grants to connect that share names but no port meet in a `dns` grant: both let these be looked up.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        self.meet_kind(other).or_else(|| {
            let pattern = self.resolvable()?.meet(other.resolvable()?)?;
            Some(Self::Dns { pattern })
        })
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
        match (self, other) {
            (Self::Dir { .. }, Self::Dir { .. }) => self.meet_dir(other),
            (Self::Volume { name, guest, size }, Self::Volume { name: theirs, size: most, .. }) => {
                let (name, guest, size) = (same(name, theirs)?, guest.clone(), *size.min(most));
                Some(Self::Volume { name, guest, size })
            }
            (Self::Env { name, value }, Self::Env { name: theirs, value: given }) => Some(Self::Env {
                name: same(name, theirs)?,
                value: meet_values(value.as_ref(), given.as_ref())?,
            }),
            (Self::Secret { name, reveal }, Self::Secret { name: theirs, reveal: read }) => {
                Some(Self::Secret { name: same(name, theirs)?, reveal: *reveal && *read })
            }
            (Self::Http { methods, url }, Self::Http { methods: theirs, url: urls }) => {
                Some(Self::Http { methods: methods.meet(theirs)?, url: url.meet(urls)? })
            }
            (Self::TcpConnect { host, ports }, Self::TcpConnect { host: hosts, ports: theirs }) => {
                Some(Self::TcpConnect { host: host.meet(hosts)?, ports: ports.meet(theirs)? })
            }
            (Self::UdpConnect { host, ports }, Self::UdpConnect { host: hosts, ports: theirs }) => {
                Some(Self::UdpConnect { host: host.meet(hosts)?, ports: ports.meet(theirs)? })
            }
            (Self::ListenTcp { port }, Self::ListenTcp { port: theirs }) => {
                Some(Self::ListenTcp { port: same(port, theirs)? })
            }
            (Self::Random, Self::Random) => Some(Self::Random),
            (Self::Clock { resolution }, Self::Clock { resolution: theirs }) => {
                Some(Self::Clock { resolution: *resolution.max(theirs) })
            }
            (Self::Kv { store, access }, Self::Kv { store: theirs, access: most }) => {
                Some(Self::Kv { store: same(store, theirs)?, access: *access.min(most) })
            }
            (Self::Topic { direction, pattern }, Self::Topic { direction: way, pattern: theirs }) => {
                Some(Self::Topic { direction: same(direction, way)?, pattern: pattern.meet(theirs)? })
            }
            _ => None,
        }
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

fn same<T: Clone + PartialEq>(a: &T, b: &T) -> Option<T> {
    (a == b).then(|| a.clone())
}

/// No value stands for any value; two different values have nothing in common.
fn meet_values(a: Option<&String>, b: Option<&String>) -> Option<Option<String>> {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b).map(Some),
        (a, b) => Some(a.or(b).cloned()),
    }
}
