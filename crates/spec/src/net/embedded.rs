//! IPv6 addresses that carry an IPv4 address.
//!
//! A filter that looks at the outside of such an address is walked around by it: the packet ends at the IPv4
//! address inside. So every check looks at all [`readings`] of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How an IPv6 address embeds an IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Embedding {
    /// `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
    Mapped,
    /// `::ffff:0:a.b.c.d` (RFC 2765).
    Translated,
    /// `::a.b.c.d` (RFC 4291, 2.5.5.1; deprecated).
    Compatible,
    /// `64:ff9b::/96` (RFC 6052).
    Nat64,
    /// `64:ff9b:1::/48` (RFC 8215), in every prefix length of RFC 6052 that fits.
    Nat64Local,
    /// `2002::/16` (RFC 3056).
    SixToFour,
    /// `2001::/32` (RFC 4380): server, and client with its bits inverted.
    Teredo,
    /// Interface identifier `[02]00:5efe:a.b.c.d` below any prefix (RFC 5214).
    Isatap,
}

/// The embedding of an address, or `None` when it stands for itself only.
pub fn embedding(ip: &Ipv6Addr) -> Option<Embedding> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, _, _] => Some(Embedding::Mapped),
        [0, 0, 0, 0, 0xffff, 0, _, _] => Some(Embedding::Translated),
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0, _, _] => Some(Embedding::Compatible),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(Embedding::Nat64),
        [0x64, 0xff9b, 1, ..] => Some(Embedding::Nat64Local),
        [0x2002, ..] => Some(Embedding::SixToFour),
        [0x2001, 0, ..] => Some(Embedding::Teredo),
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => Some(Embedding::Isatap),
        _ => None,
    }
}

/// Every address that a packet to `ip` may end at; never empty, at most five.
///
/// A check must hold for all of them: an ISATAP address is its IPv4 address to one router and a host of its
/// prefix to another.
pub fn readings(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let mut found = [None; 5];
    match ip {
        IpAddr::V6(v6) => fill(&v6, &mut found),
        IpAddr::V4(_) => found[0] = Some(ip),
    }
    found.into_iter().flatten()
}

/// The address that `ip` counts as when it is compared with what a grant names: the first of its readings
/// (for Teredo the client's).
pub fn canonical(ip: IpAddr) -> IpAddr {
    readings(ip).next().unwrap_or(ip)
}

fn fill(ip: &Ipv6Addr, found: &mut [Option<IpAddr>; 5]) {
    let o = ip.octets();
    let last = Ipv4Addr::new(o[12], o[13], o[14], o[15]);
    match embedding(ip) {
        None => found[0] = Some(IpAddr::V6(*ip)),
        Some(Embedding::Mapped | Embedding::Translated | Embedding::Compatible | Embedding::Nat64) => {
            found[0] = Some(last.into());
        }
        Some(Embedding::SixToFour) => found[0] = Some(Ipv4Addr::new(o[2], o[3], o[4], o[5]).into()),
        Some(Embedding::Teredo) => {
            found[0] = Some(Ipv4Addr::new(!o[12], !o[13], !o[14], !o[15]).into());
            found[1] = Some(Ipv4Addr::new(o[4], o[5], o[6], o[7]).into());
        }
        Some(Embedding::Isatap) => {
            found[0] = Some(last.into());
            found[1] = Some(IpAddr::V6(*ip));
        }
        Some(Embedding::Nat64Local) => nat64_local(&o, last, found),
    }
}

/// The node cannot know which prefix length the network chose, so each one counts. A reading in `0.0.0.0/8` is
/// only the zero padding of another one, unless nothing else is there.
fn nat64_local(o: &[u8; 16], last: Ipv4Addr, found: &mut [Option<IpAddr>; 5]) {
    let places = [
        last,
        Ipv4Addr::new(o[6], o[7], o[9], o[10]),
        Ipv4Addr::new(o[7], o[9], o[10], o[11]),
        Ipv4Addr::new(o[9], o[10], o[11], o[12]),
    ];
    let mut slots = found.iter_mut();
    for place in places.into_iter().filter(|place| place.octets()[0] != 0) {
        if let Some(slot) = slots.next() {
            *slot = Some(place.into());
        }
    }
    if found[0].is_none() {
        found[0] = Some(last.into());
    }
}
