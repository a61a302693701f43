//! Listens to every packet of a network namespace.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use crate::addresses::{NAME_SERVER, at};
use crate::peers::SERVED;

/// `ETH_P_ALL`, in the byte order of the wire.
const EVERY_PROTOCOL: u16 = 3_u16.to_be();
/// Enough for all packets of a run, for those that do not fit are lost to the tap.
const BUFFER_BYTES: usize = 64 << 20;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Flags of a TCP packet.
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A tap on all interfaces of the namespace in which it was made, loopback included.
pub(crate) struct Tap(OwnedFd);

impl Tap {
    pub(crate) fn new() -> Tap {
        let protocol = NonZeroU32::new(EVERY_PROTOCOL.into()).map(Protocol::from_raw);
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, protocol);
        let socket = socket.expect("root of a namespace can listen to it");
        set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).expect("its buffers have no bound for root");
        Tap(socket)
    }

    /// Where packets went since the last call, but for questions to the name server and for what servers answered.
    ///
    /// The kernel hands a packet to the tap before the call that sent it returns, so none is missing.
    pub(crate) fn reached(&self) -> BTreeSet<SocketAddr> {
        let mut reached = BTreeSet::new();
        let mut packet = [0; 2048];
        while let Ok((length, _)) = recv(&self.0, &mut packet[..], RecvFlags::empty()) {
            reached.extend(destination(&packet[..length]));
        }
        reached.remove(&at(NAME_SERVER, 53));
        reached
    }
}

/// Where a datagram or a connection's first packet goes. `None` for what a server sends, for later packets of a
/// connection, which may come after its program ended, and for what only keeps the network going (ARP, ICMP).
fn destination(packet: &[u8]) -> Option<SocketAddr> {
    let (protocol, to, payload): (u8, IpAddr, &[u8]) = match packet.first()? >> 4 {
        4 => {
            let length = usize::from(packet[0] & 15) * 4;
            (packet[9], <[u8; 4]>::try_from(&packet[16..20]).ok()?.into(), packet.get(length..)?)
        }
        6 => (packet[6], <[u8; 16]>::try_from(&packet[24..40]).ok()?.into(), packet.get(40..)?),
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]));
    let first = match protocol {
        TCP => payload.get(13)? & (SYN | ACK) == SYN,
        UDP => !SERVED.contains(&port(0)?),
        _ => false,
    };
    first.then_some(SocketAddr::new(to, port(2)?))
}
