//! Hosts: names, addresses, and the patterns by which a grant names them.

mod app;
mod name;
mod pattern;

pub use app::AppHost;
pub use name::HostName;
pub(super) use name::PrivateZone;
pub use pattern::HostPattern;

use crate::invalid::Invalid;
use crate::net::{self, LooseIpv4};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host as a guest asks for it: a name, or an address in place of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name that is still to be resolved, or was.
    Name(HostName),
    /// An IP literal.
    Address(IpAddr),
}

impl FromStr for Host {
    type Err = Invalid;

    /// Reads the host of a URL or of a connect call: a name, `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(text).parse::<Ipv6Addr>() {
            return Ok(Self::Address(ip.into()));
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(ip.into()));
        }
        text.parse().map(Self::Name)
    }
}

fn refuse_loose(text: &str, loose: &LooseIpv4) -> Invalid {
    let what = format!("{text:?} is {}, which programs read differently", loose.form);
    match loose.address {
        Some(address) => Invalid::new(what, format!("write {address} if that is meant")),
        None => Invalid::new(what, "write four decimal parts, e.g. 192.0.2.1"),
    }
}

fn refuse_embedding(ip: IpAddr) -> Result<(), Invalid> {
    let IpAddr::V6(v6) = ip else { return Ok(()) };
    if net::embedding(&v6).is_none() {
        return Ok(());
    }
    let inner = net::canonical(ip);
    Err(Invalid::new(format!("{ip} stands for the IPv4 address {inner}"), format!("write {inner}")))
}
