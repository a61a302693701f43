//! The canonical form of a grant, and the names of its parts.

use super::authority::Bracketed;
use super::{Access, Direction, Grant, GrantKind, HostPattern, Ports};
use crate::line::Quoted;
use crate::units::Time;
use std::fmt;

impl Grant {
    /// The kind of the grant.
    pub const fn kind(&self) -> GrantKind {
        match self {
            Self::Dir { .. } => GrantKind::Dir,
            Self::Volume { .. } => GrantKind::Volume,
            Self::Env { .. } => GrantKind::Env,
            Self::Secret { .. } => GrantKind::Secret,
            Self::Http { .. } => GrantKind::Http,
            Self::TcpConnect { .. } => GrantKind::TcpConnect,
            Self::ListenTcp { .. } => GrantKind::ListenTcp,
            Self::UdpConnect { .. } => GrantKind::UdpConnect,
            Self::Dns { .. } => GrantKind::Dns,
            Self::Random => GrantKind::Random,
            Self::Clock { .. } => GrantKind::Clock,
            Self::Kv { .. } => GrantKind::Kv,
            Self::Topic { .. } => GrantKind::Topic,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Dir { host, guest, access } => write!(f, "{kind} {host} as {guest} {access}"),
            Self::Volume { name, guest, size } => write!(f, "{kind} {name} as {guest} {size}"),
            Self::Env { name, value: None } => write!(f, "{kind} {name}"),
            Self::Env { name, value: Some(value) } => write!(f, "{kind} {name}={}", Quoted(value)),
            Self::Secret { name, reveal } => {
                write!(f, "{kind} {name}{}", if *reveal { " reveal" } else { "" })
            }
            Self::Http { methods, url } => write!(f, "{kind} {methods} {url}"),
            Self::TcpConnect { host, ports } | Self::UdpConnect { host, ports } => {
                connect(f, kind, host, ports)
            }
            Self::ListenTcp { port } => write!(f, "{kind} {port}"),
            Self::Dns { pattern } => write!(f, "{kind} {pattern}"),
            Self::Random => write!(f, "{kind}"),
            Self::Clock { resolution } => write!(f, "{kind} {}", Time(*resolution)),
            Self::Kv { store, access } => write!(f, "{kind} {store} {access}"),
            Self::Topic { direction, pattern } => write!(f, "{kind} {direction} {pattern}"),
        }
    }
}

fn connect(f: &mut fmt::Formatter<'_>, kind: GrantKind, host: &HostPattern, ports: &Ports) -> fmt::Result {
    write!(f, "{kind} {}:{ports}", Bracketed { host, url: false })
}

impl GrantKind {
    /// Every kind, in the order of the reference.
    pub const ALL: [Self; 13] = [
        Self::Dir,
        Self::Volume,
        Self::Env,
        Self::Secret,
        Self::Http,
        Self::TcpConnect,
        Self::ListenTcp,
        Self::UdpConnect,
        Self::Dns,
        Self::Random,
        Self::Clock,
        Self::Kv,
        Self::Topic,
    ];

    /// The words a grant of this kind starts with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dir => "dir",
            Self::Volume => "volume",
            Self::Env => "env",
            Self::Secret => "secret",
            Self::Http => "http",
            Self::TcpConnect => "tcp connect",
            Self::ListenTcp => "listen tcp",
            Self::UdpConnect => "udp connect",
            Self::Dns => "dns",
            Self::Random => "random",
            Self::Clock => "clock",
            Self::Kv => "kv",
            Self::Topic => "topic",
        }
    }

    pub(super) fn first_word(self) -> &'static str {
        self.name().split(' ').next().unwrap_or_default()
    }

    /// How a grant of this kind is written.
    pub const fn syntax(self) -> &'static str {
        match self {
            Self::Dir => "dir HOST as GUEST read|read-write",
            Self::Volume => "volume NAME as GUEST SIZE",
            Self::Env => "env NAME=VALUE or env NAME",
            Self::Secret => "secret NAME [reveal]",
            Self::Http => "http METHODS URL",
            Self::TcpConnect => "tcp connect HOST:PORTS",
            Self::ListenTcp => "listen tcp PORT",
            Self::UdpConnect => "udp connect HOST:PORTS",
            Self::Dns => "dns NAME",
            Self::Random => "random",
            Self::Clock => "clock DURATION",
            Self::Kv => "kv STORE read|read-write",
            Self::Topic => "topic publish|subscribe PATTERN",
        }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::ReadWrite => "read-write",
        })
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        })
    }
}
