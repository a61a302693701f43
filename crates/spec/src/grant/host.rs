//! Which hosts a grant names: one name, the names below a domain, an address, a range, or every public host.

use crate::line::Flaw;
use crate::net::{self, Class};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A DNS name in its canonical form: lower case, punycode, no trailing dot, at most 253 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// The hosts that a grant names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// `*`: every name that is not private by its ending, and every public address.
    Any,
    /// `api.example.com`: exactly this name.
    Name(HostName),
    /// `*.example.com`: names with one or more labels before this domain, not the domain itself.
    Below(HostName),
    /// `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`: these addresses; never a metadata service, unless alone.
    Addresses(IpNet),
}

/// A host as a guest asked for it: a name, or an address in place of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name that is still to be resolved, or was.
    Name(HostName),
    /// An IP literal.
    Address(IpAddr),
}

/// Endings of names that never exist on the public internet, and the classes that such names may resolve to
/// besides public addresses. Names without a dot count as `internal`.
const PRIVATE_ZONES: [(&str, &[Class]); 4] = [
    ("localhost", &[Class::Loopback]),                            // RFC 6761
    ("internal", &[Class::Private, Class::Cgnat]),                // ICANN board, 2024-07-29
    ("home.arpa", &[Class::Private, Class::Cgnat]),               // RFC 8375
    ("local", &[Class::Private, Class::Cgnat, Class::LinkLocal]), // RFC 6762; also cluster.local
];

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a name that only a private network can answer: `localhost`, no dot, or an ending such as `.internal`.
    pub fn is_private(&self) -> bool {
        self.private_classes().is_some()
    }

    /// True when a grant that names this name reaches `ip` under it: public addresses always, private ones only
    /// under private names. So no owner of a public domain can point a guest into this network.
    pub fn may_resolve_to(&self, ip: IpAddr) -> bool {
        let class = net::classify(ip);
        class == Class::Public || self.private_classes().is_some_and(|classes| classes.contains(&class))
    }

    fn private_classes(&self) -> Option<&'static [Class]> {
        let zone = PRIVATE_ZONES.iter().find(|(zone, _)| self.0 == *zone || self.is_below_text(zone));
        match zone {
            Some((_, classes)) => Some(classes),
            None if !self.0.contains('.') => Some(PRIVATE_ZONES[1].1),
            None => None,
        }
    }

    fn is_below(&self, domain: &Self) -> bool {
        self.is_below_text(&domain.0)
    }

    fn is_below_text(&self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no host or host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct HostError {
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl HostError {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn at(self, at: std::ops::Range<usize>) -> Flaw {
        Flaw { at, what: self.what, remedy: self.remedy }
    }
}

impl FromStr for HostName {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Some(loose) = net::parse_ipv4_loose(text) {
            return Err(refuse_loose(text, &loose));
        }
        if text.chars().any(|c| c == '*') {
            return Err(HostError::new(
                format!("{text:?} has a * inside a name"),
                "a * stands alone (every public host) or as the first label (*.example.com)",
            ));
        }
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL);
        let ascii = ascii.map_err(|_| not_a_name(text))?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if net::parse_ipv4_loose(name).is_some() || name.parse::<Ipv4Addr>().is_ok() {
            return Err(not_a_name(text));
        }
        if !well_formed(name) {
            return Err(not_a_name(text));
        }
        Ok(Self(name.to_owned()))
    }
}

/// Letters, digits, hyphens and underscores (SRV-like names are common); labels of 1 to 63 characters.
fn well_formed(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn not_a_name(text: &str) -> HostError {
    HostError::new(
        format!("{text:?} is not a host name"),
        "write a name such as api.example.com, or an address",
    )
}

fn refuse_loose(text: &str, loose: &net::LooseIpv4) -> HostError {
    let what = format!("{text:?} is {}, which programs read differently", loose.form);
    match loose.address {
        Some(address) => HostError::new(what, format!("write {address} if that is meant")),
        None => HostError::new(what, "write four decimal parts, e.g. 192.0.2.1"),
    }
}

impl FromStr for Host {
    type Err = HostError;

    /// Reads the host of a URL or of a connect call: a name, `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`.
    fn from_str(text: &str) -> Result<Self, HostError> {
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

impl FromStr for HostPattern {
    type Err = HostError;

    /// Reads a pattern without brackets: `*`, `*.example.com`, a name, an address or a range.
    fn from_str(text: &str) -> Result<Self, HostError> {
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
            Host::Address(ip) => single(ip),
        }
    }
}

fn below(domain: &str) -> Result<HostPattern, HostError> {
    let domain: HostName = match domain.parse()? {
        Host::Name(name) => name,
        Host::Address(_) => {
            return Err(HostError::new("a * before an address", "write a range such as 10.0.0.0/8"));
        }
    };
    if let Some((zone, _)) = PRIVATE_ZONES.iter().find(|(zone, _)| zone.ends_with(&format!(".{domain}"))) {
        let what = format!("\"*.{domain}\" mixes public names with the private ones below {zone}");
        return Err(HostError::new(what, format!("write *.{zone}, or the public domain that is meant")));
    }
    Ok(HostPattern::Below(domain))
}

fn single(ip: IpAddr) -> Result<HostPattern, HostError> {
    refuse_embedding(ip)?;
    Ok(HostPattern::Addresses(IpNet::from(ip)))
}

fn range(text: &str) -> Result<HostPattern, HostError> {
    let Ok(net) = text.parse::<IpNet>() else {
        return Err(HostError::new(
            format!("{text:?} is not an address range"),
            "write e.g. 10.0.0.0/8 or fd00::/8",
        ));
    };
    refuse_embedding(net.addr())?;
    if net.trunc() != net {
        let what = format!("{text:?} has bits set after its prefix");
        return Err(HostError::new(what, format!("write {} or the single address", net.trunc())));
    }
    if let Err(block) = net::net_class(&net) {
        let what = format!("{text:?} mixes kinds of addresses: {block} in it is not like the rest");
        return Err(HostError::new(
            what,
            "write * for every public host, and each private range in a grant of its own",
        ));
    }
    Ok(HostPattern::Addresses(net))
}

fn refuse_embedding(ip: IpAddr) -> Result<(), HostError> {
    let IpAddr::V6(v6) = ip else { return Ok(()) };
    if net::embedding(&v6).is_none() {
        return Ok(());
    }
    let inner = net::canonical(ip);
    Err(HostError::new(format!("{ip} stands for the IPv4 address {inner}"), format!("write {inner}")))
}

impl HostPattern {
    /// True when the pattern names this name, whatever it resolves to.
    pub fn names(&self, name: &HostName) -> bool {
        match self {
            Self::Any => !name.is_private(),
            Self::Name(own) => own == name,
            Self::Below(domain) => name.is_below(domain),
            Self::Addresses(_) => false,
        }
    }

    /// True when the pattern lets a guest reach `ip` in place of a name: each reading of it must be named.
    pub fn names_address(&self, ip: IpAddr) -> bool {
        match self {
            Self::Any => net::is_public(ip),
            Self::Addresses(net) => net::readings(ip).all(|ip| in_net(net, ip)),
            Self::Name(_) | Self::Below(_) => false,
        }
    }

    /// True when the pattern lets a guest reach this host; `resolved` is the address a name led to, if known yet.
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
            (Self::Any, x) | (x, Self::Any) => x.is_in_any().then(|| x.clone()),
            (Self::Name(_), _) => self.name_in(other),
            (_, Self::Name(_)) => other.name_in(self),
            (Self::Below(a), Self::Below(b)) if a == b || b.is_below(a) => Some(other.clone()),
            (Self::Below(a), Self::Below(b)) if a.is_below(b) => Some(self.clone()),
            (Self::Addresses(a), Self::Addresses(b)) => meet_nets(a, b).map(Self::Addresses),
            (Self::Below(_), _) | (Self::Addresses(_), _) => None,
        }
    }

    /// The part of the pattern that names names: what a guest may resolve so as to use the pattern.
    pub fn resolvable(&self) -> Option<&Self> {
        (!matches!(self, Self::Addresses(_))).then_some(self)
    }

    fn is_in_any(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => !name.is_private(),
            Self::Below(domain) => {
                !PRIVATE_ZONES.iter().any(|(z, _)| domain.0 == *z || domain.is_below_text(z))
            }
            Self::Addresses(net) => {
                net::net_class(net) == Ok(Class::Public) && !(is_single(net) && net::is_metadata(net.addr()))
            }
        }
    }

    fn name_in(&self, other: &Self) -> Option<Self> {
        let Self::Name(name) = self else { return None };
        other.names(name).then(|| self.clone())
    }
}

/// A metadata service is named by its single address only, never by a range round it.
fn in_net(net: &IpNet, ip: IpAddr) -> bool {
    net.contains(&ip) && (is_single(net) || !net::is_metadata(ip))
}

fn meet_nets(a: &IpNet, b: &IpNet) -> Option<IpNet> {
    let inner = if a.contains(b) {
        b
    } else if b.contains(a) {
        a
    } else {
        return None;
    };
    let metadata_in_range = is_single(inner) && net::is_metadata(inner.addr()) && a != b;
    (!metadata_in_range).then_some(*inner)
}

fn is_single(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name(name) => name.fmt(f),
            Self::Below(domain) => write!(f, "*.{domain}"),
            Self::Addresses(net) if is_single(net) => write!(f, "{}", net.addr()),
            Self::Addresses(net) => write!(f, "{net}"),
        }
    }
}
