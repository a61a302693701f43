//! Why an access was refused, and the narrowest grant that would permit it.

use super::canonical::canonical_path;
use super::{Access, Grant, GrantKind, GrantSet, Host, HostName, Request};
use crate::line::Quoted;
use crate::net;
use crate::units::Time;
use std::fmt;
use std::net::IpAddr;

/// Why a set of grants does not permit an access; prints `what was asked: why; what to do`.
///
/// For the operator: a guest learns its interface's error code, and nothing about grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The access in the words of a grant.
    pub request: String,
    /// Why no grant permits it.
    pub why: String,
    /// The narrowest grant that would; `None` for an access that none can permit.
    pub remedy: Option<Grant>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.why)?;
        match &self.remedy {
            Some(grant) => {
                write!(f, "; if it is meant, add the grant {}", crate::line::Shown(&grant.to_string()))
            }
            None => write!(f, "; no grant can permit it"),
        }
    }
}

impl GrantSet {
    /// Why [`Self::find_resolved`] found no grant.
    pub fn refusal(&self, request: &Request<'_>) -> Refusal {
        Refusal { request: request.to_string(), why: self.why(request), remedy: request.narrowest() }
    }

    fn why(&self, request: &Request<'_>) -> String {
        if let Some(fault) = request.fault() {
            return fault;
        }
        if let Some((name, ip)) = request.resolved()
            && let Some(id) = self.grants().find(|grant| grant.names_host_of(request, &name))
        {
            return format!("\"{id}\" names the host, but it leads to a {} address, {ip}", net::classify(ip));
        }
        let kind = request.kind();
        let others = self.grants().filter(|grant| grant.kind() == kind).count();
        match others {
            0 => format!("there is no grant for {}", kind.purpose()),
            1 => format!("the one grant for {} does not cover it", kind.purpose()),
            n => format!("none of the {n} grants for {} covers it", kind.purpose()),
        }
    }
}

impl Grant {
    /// True when the grant would permit the request if its name led to a public address.
    fn names_host_of(&self, request: &Request<'_>, name: &HostName) -> bool {
        match (self, *request) {
            (Self::TcpConnect { host, ports }, Request::TcpConnect { addr, .. })
            | (Self::UdpConnect { host, ports }, Request::UdpConnect { addr, .. }) => {
                host.names(name) && ports.contains(addr.port())
            }
            (_, Request::Http { method, scheme, host, port, path, .. }) => {
                self.permits(&Request::Http { method, scheme, host, addr: None, port, path })
            }
            _ => false,
        }
    }
}

impl Request<'_> {
    /// The kind of grant that permits such an access.
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
            Self::Resolve { .. } => GrantKind::Dns,
            Self::Random => GrantKind::Random,
            Self::Clock { .. } => GrantKind::Clock,
            Self::Kv { .. } => GrantKind::Kv,
            Self::Topic { .. } => GrantKind::Topic,
        }
    }

    /// The narrowest grant that permits this access, so that it can be proposed; `None` when none can.
    ///
    /// Folders and volumes are proposed under a guest path made of their own names.
    pub fn narrowest(&self) -> Option<Grant> {
        let line = match *self {
            Self::Dir { path, access } => {
                let guest = format!("/{}", path.as_str().trim_start_matches(['/', '.']));
                format!("dir {path} as {} {access}", Quoted(&guest))
            }
            Self::Volume { name, size } => format!("volume {name} as /{name} {size}"),
            Self::Env { name, value: None } => format!("env {name}"),
            Self::Env { name, value: Some(value) } => format!("env {name}={}", Quoted(value)),
            Self::Secret { name, reveal } => format!("secret {name}{}", if reveal { " reveal" } else { "" }),
            Self::Http { method, scheme, host, addr, port, path } => {
                let host = target(Some(host), addr)?;
                let path = canonical_path(path).ok()?;
                format!("http {method} {}", Quoted(&format!("{scheme}://{host}:{port}{path}")))
            }
            Self::TcpConnect { host, addr } => {
                format!("tcp connect {}:{}", target(host, Some(addr.ip()))?, addr.port())
            }
            Self::UdpConnect { host, addr } => {
                format!("udp connect {}:{}", target(host, Some(addr.ip()))?, addr.port())
            }
            Self::ListenTcp { port } => format!("listen tcp {port}"),
            Self::Resolve { name } => format!("dns {}", Quoted(name)),
            Self::Random => "random".to_owned(),
            Self::Clock { resolution } => format!("clock {}", Time(resolution)),
            Self::Kv { store, access } => format!("kv {} {}", Quoted(store), Access::to_string(&access)),
            Self::Topic { direction, topic } => format!("topic {direction} {}", Quoted(topic)),
        };
        let grant: Grant = line.parse().ok()?;
        let permits = |request: &Request<'_>| grant.permits(request).then_some(());
        permits(self).or_else(|| self.at_its_address(permits)).map(|()| grant)
    }

    /// What makes this access one that no grant can permit.
    fn fault(&self) -> Option<String> {
        let host = match self {
            Self::Http { host, path, .. } => {
                if let Err(error) = canonical_path(path) {
                    return Some(error.what);
                }
                Some(*host)
            }
            Self::TcpConnect { host, .. } | Self::UdpConnect { host, .. } => *host,
            Self::Resolve { name } => Some(*name),
            _ => None,
        };
        host.and_then(|host| host.parse::<Host>().err()).map(|error| error.what)
    }

    /// The name that was asked for and the address it led to.
    fn resolved(&self) -> Option<(HostName, IpAddr)> {
        let (host, ip) = match self {
            Self::Http { host, addr, .. } => (Some(*host), *addr),
            Self::TcpConnect { host, addr } | Self::UdpConnect { host, addr } => (*host, Some(addr.ip())),
            _ => (None, None),
        };
        match host?.parse().ok()? {
            Host::Name(name) => Some((name, ip?)),
            Host::Address(_) => None,
        }
    }
}

/// The host as it stands in a grant: the name, or the address where the name alone is not enough.
fn target(host: Option<&str>, addr: Option<IpAddr>) -> Option<String> {
    let host = host.map(str::parse::<Host>).transpose().ok()?;
    let ip = match (host, addr) {
        (Some(Host::Name(name)), None) => return Some(name.to_string()),
        (Some(Host::Name(name)), Some(ip)) if name.may_resolve_to(ip) => return Some(name.to_string()),
        (Some(Host::Address(ip)), _) | (_, Some(ip)) => net::canonical(ip),
        (None, None) => return None,
    };
    Some(if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() })
}
