//! DNS names, and which of them only a private network can answer.

use super::refuse_loose;
use crate::invalid::Invalid;
use crate::net::{self, Class};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// A DNS name in its canonical form: lower case, punycode, no trailing dot, at most 253 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// A zone that does not exist on the public internet, and the classes of addresses its names may lead to
/// besides public ones.
pub(in crate::grant) struct PrivateZone {
    pub(in crate::grant) suffix: &'static str,
    classes: &'static [Class],
}

pub(super) const PRIVATE_ZONES: [PrivateZone; 4] = [
    // RFC 6761, 6.3.
    PrivateZone { suffix: "localhost", classes: &[Class::Loopback] },
    // Reserved by ICANN for private use, 2024-07-29.
    PrivateZone { suffix: "internal", classes: INTERNAL },
    // RFC 8375: home networks.
    PrivateZone { suffix: "home.arpa", classes: INTERNAL },
    // RFC 6762: mDNS, whose hosts may have no other address; and Kubernetes' cluster.local.
    PrivateZone { suffix: "local", classes: &[Class::Private, Class::Cgnat, Class::LinkLocal] },
];

/// Names without a dot: a container's or a service's neighbours. No such name has a public address.
const DOTLESS: PrivateZone = PrivateZone { suffix: "", classes: INTERNAL };

const INTERNAL: &[Class] = &[Class::Private, Class::Cgnat];

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for a name that only a private network can answer: one without a dot, `localhost`, or one that
    /// ends in `.internal`, `.home.arpa` or `.local`.
    pub fn is_private(&self) -> bool {
        self.private_zone().is_some()
    }

    /// True when a grant that names this name reaches `ip` under it: a public address always, another one only
    /// under a private name. So no owner of a public domain can point a guest into this network.
    pub fn may_resolve_to(&self, ip: IpAddr) -> bool {
        let class = net::classify(ip);
        class == Class::Public || self.private_zone().is_some_and(|zone| zone.classes.contains(&class))
    }

    /// True when the name has one or more labels before `domain`.
    pub fn is_below(&self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }

    /// The private zone that the name is in, by its ending or for want of a dot.
    pub(in crate::grant) fn private_zone(&self) -> Option<&'static PrivateZone> {
        self.zone().or_else(|| (!self.0.contains('.')).then_some(&DOTLESS))
    }

    /// The private zone that all names below this one are in.
    pub(in crate::grant) fn zone(&self) -> Option<&'static PrivateZone> {
        PRIVATE_ZONES.iter().find(|zone| self.0 == zone.suffix || self.is_below(zone.suffix))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(loose) = net::parse_ipv4_loose(text) {
            return Err(refuse_loose(text, &loose));
        }
        if text.contains('*') {
            let what = format!("{text:?} has a * inside a name");
            return Err(Invalid::new(what, "write * for every public host, or *. before a domain"));
        }
        let ascii = to_ascii(text).ok_or_else(|| not_a_name(text))?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        // Digits of other scripts become plain ones: an address may come out where a name went in.
        let number = name.parse::<Ipv4Addr>().is_ok() || net::parse_ipv4_loose(name).is_some();
        if number || !well_formed(name) {
            return Err(not_a_name(text));
        }
        Ok(Self(name.to_owned()))
    }
}

/// UTS 46 as browsers apply it; the common case costs no table.
fn to_ascii(text: &str) -> Option<Cow<'_, str>> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-' || b == b'_';
    if text.bytes().all(plain) && !text.contains("xn--") {
        return Some(Cow::Borrowed(text));
    }
    idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL).ok()
}

/// Letters, digits, hyphens, and underscores as service names have them; labels of 1 to 63 characters.
fn well_formed(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn not_a_name(text: &str) -> Invalid {
    Invalid::new(
        format!("{text:?} is not a host name"),
        "write a name such as api.example.com, or an address",
    )
}
