//! Which addresses are this machine's own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tombolo_spec::net;

/// Tells this machine's addresses from others, without a list: addresses come and go while a process runs, and a
/// locked-down one cannot ask for them again.
#[derive(Debug)]
pub(crate) struct OwnAddresses {
    /// Whether a socket can be bound to addresses of other machines here (`net.ipv4.ip_nonlocal_bind`).
    binds_anything: bool,
}

impl OwnAddresses {
    /// Finds out how to tell them.
    pub(crate) fn new() -> OwnAddresses {
        // TEST-NET-1 belongs to no machine.
        OwnAddresses { binds_anything: can_bind(Ipv4Addr::new(192, 0, 2, 1).into()) }
    }

    /// True for a public address that leads to this machine: it reaches what listens here behind every firewall; also
    /// by a translator on the way, to which the address stands for one of this machine.
    pub(crate) fn lead_here(&self, address: IpAddr) -> bool {
        net::is_public(address)
            && (self.contains(address) || net::readings(address).any(|reading| self.contains(reading)))
    }

    /// True for an address of this machine. Sends nothing: it asks whether a socket could have that address, or
    /// would get it to talk to itself.
    fn contains(&self, address: IpAddr) -> bool {
        (!self.binds_anything && can_bind(address)) || is_its_own_source(address)
    }
}

fn can_bind(address: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(address, 0)).is_ok()
}

/// The kernel answers a packet to an own address from that address.
fn is_its_own_source(address: IpAddr) -> bool {
    let unspecified: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = || {
        let socket = UdpSocket::bind(SocketAddr::new(unspecified, 0)).ok()?;
        socket.connect(SocketAddr::new(address, 9)).ok()?;
        socket.local_addr().ok()
    };
    source().is_some_and(|source| source.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_told_from_others_without_a_packet() {
        let own = OwnAddresses::new();
        let contains = |text: &str| own.contains(text.parse().expect("an address"));
        assert!(contains("127.0.0.1"));
        assert!(contains("127.9.9.9"));
        assert!(!contains("192.0.2.1"));
        assert!(!contains("8.8.8.8"));
    }
}
