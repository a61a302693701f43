//! Host patterns: one name, the names below a domain, an address, a range, or every public host.

use super::name::PRIVATE_ZONES;
use super::{Host, HostName, refuse_embedding};
use crate::invalid::Invalid;
use crate::net::{self, Class};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The hosts that a grant names.
///
/// A pattern of names permits names, a pattern of addresses permits addresses: a guest that asked for a name
/// is judged by the name and by where it led, one that asked for an address by the address alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// `*`: every name that is not private, and every public address.
    Any,
    /// `api.example.com`: exactly this name.
    Name(HostName),
    /// `*.example.com`: names with one or more labels before this domain, not the domain itself.
    Below(HostName),
    /// `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`: these addresses, all of one class; a metadata service only when it
    /// is named by its single address.
    Addresses(IpNet),
}

impl HostPattern {
    /// True when the pattern names this name, wherever it leads.
    pub fn names(&self, name: &HostName) -> bool {
        match self {
            Self::Any => !name.is_private(),
            Self::Name(own) => own == name,
            Self::Below(domain) => name.is_below(domain.as_str()),
            Self::Addresses(_) => false,
        }
    }

    /// True when the pattern names this address, under every reading of it.
    pub fn names_address(&self, ip: IpAddr) -> bool {
        match self {
            Self::Any => net::is_public(ip),
            Self::Addresses(range) => net::readings(ip).all(|ip| holds(range, ip)),
            Self::Name(_) | Self::Below(_) => false,
        }
    }

    /// True when a guest may reach this host; `resolved` is the address that a name led to, once it is known.
    pub fn permits(&self, host: &Host, resolved: Option<IpAddr>) -> bool {
        match host {
            Host::Name(name) => self.names(name) && resolved.is_none_or(|ip| name.may_resolve_to(ip)),
            Host::Address(ip) => self.names_address(*ip) && resolved.is_none_or(|to| to == *ip),
        }
    }

    /// True when every host of `other` is one of `self`.
    pub fn covers(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(other)
    }

    /// The hosts that both name.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, x) | (x, Self::Any) => x.is_public().then(|| x.clone()),
            (Self::Name(name), names) | (names, Self::Name(name)) => {
                names.names(name).then(|| Self::Name(name.clone()))
            }
            (Self::Below(a), Self::Below(b)) if a == b || b.is_below(a.as_str()) => Some(other.clone()),
            (Self::Below(a), Self::Below(b)) if a.is_below(b.as_str()) => Some(self.clone()),
            (Self::Addresses(a), Self::Addresses(b)) => meet_ranges(a, b).map(Self::Addresses),
            (Self::Below(_) | Self::Addresses(_), _) => None,
        }
    }

    /// The pattern, if it names names: what a guest looks up so as to use it.
    pub const fn of_names(&self) -> Option<&Self> {
        match self {
            Self::Addresses(_) => None,
            _ => Some(self),
        }
    }

    /// True when `*` names all that this pattern names.
    fn is_public(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => !name.is_private(),
            Self::Below(domain) => domain.zone().is_none(),
            Self::Addresses(range) => net::net_class(range) == Ok(Class::Public) && holds_only_public(range),
        }
    }
}

fn holds(range: &IpNet, ip: IpAddr) -> bool {
    range.contains(&ip) && (is_single(range) || !net::is_metadata(ip))
}

fn holds_only_public(range: &IpNet) -> bool {
    !(is_single(range) && net::is_metadata(range.addr()))
}

fn meet_ranges(a: &IpNet, b: &IpNet) -> Option<IpNet> {
    let (outer, inner) = if a.contains(b) { (a, b) } else { (b, a) };
    let left_out = outer != inner && !holds_only_public(inner);
    (outer.contains(inner) && !left_out).then_some(*inner)
}

fn is_single(range: &IpNet) -> bool {
    range.prefix_len() == range.max_prefix_len()
}

impl FromStr for HostPattern {
    type Err = Invalid;

    /// Reads a pattern without brackets: `*`, `*.example.com`, a name, an address or a range.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(domain) = text.strip_prefix("*.") {
            return below(domain);
        }
        if text.contains('/') {
            return range(text);
        }
        match text.parse()? {
            Host::Name(name) => Ok(Self::Name(name)),
            Host::Address(ip) => refuse_embedding(ip).map(|()| Self::Addresses(IpNet::from(ip))),
        }
    }
}

fn below(domain: &str) -> Result<HostPattern, Invalid> {
    let Host::Name(domain) = domain.parse()? else {
        return Err(Invalid::new("a * before an address", "write a range such as 10.0.0.0/8"));
    };
    let mixed = PRIVATE_ZONES.iter().find(|zone| zone.suffix.ends_with(&format!(".{domain}")));
    if let Some(zone) = mixed.map(|zone| zone.suffix) {
        let what = format!("\"*.{domain}\" mixes public names with the private ones below {zone}");
        return Err(Invalid::new(what, format!("write *.{zone}, or the public domain that is meant")));
    }
    Ok(HostPattern::Below(domain))
}

fn range(text: &str) -> Result<HostPattern, Invalid> {
    let Ok(range) = text.parse::<IpNet>() else {
        let what = format!("{text:?} is not a range of addresses");
        return Err(Invalid::new(what, "write e.g. 10.0.0.0/8 or fd00::/8"));
    };
    if range.trunc() != range {
        let what = format!("{text:?} has bits set behind its prefix");
        return Err(Invalid::new(what, format!("write {} or {}", range.trunc(), range.addr())));
    }
    refuse_embedding(range.addr())?;
    if let Err(block) = net::net_class(&range) {
        let what = format!("{text:?} mixes kinds of addresses: {block} in it is not like the rest");
        let remedy = "write * for every public host, and a grant of its own for each private range";
        return Err(Invalid::new(what, remedy));
    }
    Ok(HostPattern::Addresses(range))
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => name.fmt(f),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Addresses(range) if is_single(range) => write!(f, "{}", range.addr()),
            Self::Addresses(range) => write!(f, "{range}"),
        }
    }
}
