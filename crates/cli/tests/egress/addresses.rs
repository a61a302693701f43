//! Addresses of the test's internet, and those that no guest may reach unasked.

use std::net::{IpAddr, SocketAddr};

/// A host of the public internet.
pub(crate) const PUBLIC: &str = "93.184.215.14";
/// A host of a private network.
pub(crate) const PRIVATE: &str = "10.0.0.7";
/// The guest's machine, which has a public address.
pub(crate) const OWN: &str = "8.8.4.1";
/// The same over IPv6.
pub(crate) const OWN6: &str = "2a00:1450:4000::1";
/// The one name server.
pub(crate) const NAME_SERVER: &str = "8.8.5.53";

/// Each of a kind that only a grant with this very address reaches.
pub(crate) const SPECIAL: [&str; 23] = [
    "10.0.0.7",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.7.6",
    "169.254.169.254",
    "169.254.0.9",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "203.0.113.9",
    "240.0.0.1",
    "::1",
    "fd00::7",
    "fd00:ec2::254",
    "fec0::1",
    "2001:db8::1",
    "5f00::1",
];

/// An IPv6 address that stands for `10.0.0.7` to somebody on the way, and a grant that means it so.
pub(crate) const EMBEDDED: [&str; 8] = [
    "::10.0.0.7",
    "::ffff:0:10.0.0.7",
    "64:ff9b::10.0.0.7",
    "64:ff9b:1::10.0.0.7",
    "64:ff9b:1:a00:0:700::",
    "2002:a00:7::1",
    "2002:a00:7:1:2:3:4:5",
    // Teredo, by a server within the same network.
    "2001:0:a00:1::f5ff:fff8",
];

/// IPv6 addresses with a private address inside that no grant can mean, for they may end elsewhere too.
pub(crate) const AMBIGUOUS: [&str; 4] = [
    // Teredo with a private client, and with a private server.
    "2001:0:5db8:d70e::f5ff:fff8",
    "2001:0:a00:7::a247:28f1",
    // ISATAP below a public prefix.
    "2a00:1450:1::5efe:10.0.0.7",
    "2a00:1450:1::200:5efe:10.0.0.7",
];

/// Addresses that reach this machine or many at once; TCP connects to few of them.
pub(crate) const NOWHERE: [&str; 9] = [
    "0.0.0.0",
    "::",
    "0.1.2.3",
    "255.255.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "ff05::1:3",
    "fe80::1",
];

/// The address as the host of a URL.
pub(crate) fn in_url(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

pub(crate) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}

pub(crate) fn ip(address: &str) -> IpAddr {
    address.parse().expect("an address")
}

/// All of [`SPECIAL`], [`EMBEDDED`], [`AMBIGUOUS`] and [`NOWHERE`].
pub(crate) fn never_unasked() -> Vec<&'static str> {
    [&SPECIAL[..], &EMBEDDED, &AMBIGUOUS, &NOWHERE].concat()
}
