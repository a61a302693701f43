//! The kinds of addresses, after the IANA special-purpose registries (RFC 6890 and its updates).

use super::embedded::readings;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of address one is. Only [`Class::Public`] is reachable without being named in a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A host of the public internet.
    Public,
    /// `127.0.0.0/8`, `::1` (RFC 1122, RFC 4291): this machine.
    Loopback,
    /// `10/8`, `172.16/12`, `192.168/16` (RFC 1918) and `fc00::/7` (RFC 4193).
    Private,
    /// `169.254.0.0/16` (RFC 3927) and `fe80::/10` (RFC 4291).
    LinkLocal,
    /// A cloud's instance-metadata or credential service: whoever reads it acts as the machine.
    Metadata,
    /// `100.64.0.0/10`: carrier-grade NAT (RFC 6598).
    Cgnat,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// `198.18.0.0/15` (RFC 2544), `2001:2::/48` (RFC 5180).
    Benchmarking,
    /// `192.0.2.0/24`, `198.51.100.0/24`, `203.0.113.0/24` (RFC 5737), `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// `0.0.0.0`, `::`: on Linux a connect to it reaches this machine.
    Unspecified,
    /// Everything else that is no ordinary public unicast address.
    Reserved,
}

impl Class {
    /// The class in words, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Cgnat => "carrier-grade NAT",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Benchmarking => "benchmarking",
            Self::Documentation => "documentation",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The metadata services known by address. Some lie in public ranges, so no range ever includes them.
pub const METADATA: [IpAddr; 9] = [
    v4(169, 254, 169, 254), // AWS, Azure, Google, OpenStack and others
    v4(169, 254, 170, 2),   // AWS ECS task credentials
    v4(169, 254, 170, 23),  // AWS EKS pod identity
    v4(100, 100, 100, 200), // Alibaba Cloud
    v4(192, 0, 0, 192),     // Oracle Cloud, first generation
    v4(168, 63, 129, 16),   // Azure platform services
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // AWS EKS pod identity
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google Cloud
];

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn net4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn net6(first: [u16; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = first;
    IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix))
}

/// First match wins, so a block inside another stands before it.
const BLOCKS: [(IpNet, Class); 36] = [
    (net4(0, 0, 0, 0, 32), Class::Unspecified),
    (net4(0, 0, 0, 0, 8), Class::Reserved),
    (net4(10, 0, 0, 0, 8), Class::Private),
    (net4(100, 64, 0, 0, 10), Class::Cgnat),
    (net4(127, 0, 0, 0, 8), Class::Loopback),
    (net4(169, 254, 0, 0, 16), Class::LinkLocal),
    (net4(172, 16, 0, 0, 12), Class::Private),
    (net4(192, 0, 0, 0, 24), Class::Reserved),
    (net4(192, 0, 2, 0, 24), Class::Documentation),
    (net4(192, 31, 196, 0, 24), Class::Reserved), // AS112 (RFC 7535)
    (net4(192, 52, 193, 0, 24), Class::Reserved), // AMT (RFC 7450)
    (net4(192, 88, 99, 0, 24), Class::Reserved),  // 6to4 relay anycast (RFC 7526)
    (net4(192, 168, 0, 0, 16), Class::Private),
    (net4(192, 175, 48, 0, 24), Class::Reserved), // AS112 (RFC 7534)
    (net4(198, 18, 0, 0, 15), Class::Benchmarking),
    (net4(198, 51, 100, 0, 24), Class::Documentation),
    (net4(203, 0, 113, 0, 24), Class::Documentation),
    (net4(224, 0, 0, 0, 4), Class::Multicast),
    (net4(255, 255, 255, 255, 32), Class::Broadcast),
    (net4(240, 0, 0, 0, 4), Class::Reserved),
    (IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128)), Class::Unspecified),
    (IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)), Class::Loopback),
    (net6([0x2001, 0x2, 0, 0], 48), Class::Benchmarking),
    (net6([0x2001, 0xdb8, 0, 0], 32), Class::Documentation),
    (net6([0x2001, 0, 0, 0], 23), Class::Reserved), // IETF protocol assignments (RFC 2928)
    (net6([0x2002, 0, 0, 0], 16), Class::Reserved), // 6to4 counts as its IPv4 address, never as itself
    (net6([0x2620, 0x4f, 0x8000, 0], 48), Class::Reserved), // AS112 (RFC 7534)
    (net6([0x3fff, 0, 0, 0], 20), Class::Documentation),
    (net6([0x3ffe, 0, 0, 0], 16), Class::Reserved), // the former 6bone (RFC 3701)
    (net6([0x2000, 0, 0, 0], 3), Class::Public),
    (net6([0xfc00, 0, 0, 0], 7), Class::Private),
    (net6([0xfe80, 0, 0, 0], 10), Class::LinkLocal),
    (net6([0xfec0, 0, 0, 0], 10), Class::Private), // the former site-local (RFC 3879)
    (net6([0xff00, 0, 0, 0], 8), Class::Multicast),
    (net4(0, 0, 0, 0, 0), Class::Public),
    (IpNet::V6(ipnet::Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)), Class::Reserved),
];

/// The class of an address: of the worst of its [`readings`], so that `::ffff:10.0.0.1` is private.
pub fn classify(ip: IpAddr) -> Class {
    let mut worst = Class::Public;
    for reading in readings(ip) {
        if worst == Class::Public {
            worst = plain_class(reading);
        }
    }
    worst
}

/// True for an address of the public internet, under every reading of it.
pub fn is_public(ip: IpAddr) -> bool {
    classify(ip) == Class::Public
}

/// True for the addresses in [`METADATA`], taken as they are.
pub fn is_metadata(ip: IpAddr) -> bool {
    METADATA.contains(&ip)
}

fn plain_class(ip: IpAddr) -> Class {
    if is_metadata(ip) {
        return Class::Metadata;
    }
    let block = BLOCKS.iter().find(|(net, _)| net.contains(&ip));
    block.map_or(Class::Reserved, |(_, class)| *class)
}

/// The one class of all addresses of a range ([`METADATA`] left aside), or the block that breaks it.
pub(crate) fn net_class(net: &IpNet) -> Result<Class, IpNet> {
    for (block, class) in &BLOCKS {
        if block.contains(net) {
            return Ok(*class);
        }
        if net.contains(block) {
            return Err(*block);
        }
    }
    Ok(Class::Reserved)
}
