//! Listens to every packet of a network namespace.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use crate::addresses::{NAME_SERVER, at};
use crate::peers::SERVED;

/// `ETH_P_ALL`, in the byte order of the wire.
const EVERY_PROTOCOL: u16 = 3_u16.to_be();
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Flags of a TCP packet.
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A tap on all interfaces of the namespace in which it was made, loopback included.
pub(crate) struct Tap(Arc<Taken>);

struct Taken {
    socket: OwnedFd,
    reached: Mutex<BTreeSet<SocketAddr>>,
}

impl Tap {
    pub(crate) fn new() -> Tap {
        let protocol = NonZeroU32::new(EVERY_PROTOCOL.into()).map(Protocol::from_raw);
        let socket = socket_with(AddressFamily::PACKET, SocketType::DGRAM, SocketFlags::CLOEXEC, protocol);
        let socket = socket.expect("root of a namespace can listen to it");
        let taken = Arc::new(Taken { socket, reached: Mutex::default() });
        let taking = Arc::clone(&taken);
        // The kernel keeps a few hundred packets, so they are taken as they come.
        thread::spawn(move || {
            while taking.wait() {
                drop(taking.take())
            }
        });
        Tap(taken)
    }

    /// Where packets went since the last call, but for questions to the name server and for what servers answered.
    ///
    /// The kernel hands a packet to the tap before the call that sent it returns, so none is missing.
    pub(crate) fn reached(&self) -> BTreeSet<SocketAddr> {
        let mut reached = std::mem::take(&mut *self.0.take());
        reached.remove(&at(NAME_SERVER, 53));
        reached
    }
}

impl Taken {
    /// Waits for a packet and leaves it where it is.
    fn wait(&self) -> bool {
        recv(&self.socket, &mut [0; 1][..], RecvFlags::PEEK).is_ok()
    }

    /// Takes all packets that are there.
    fn take(&self) -> MutexGuard<'_, BTreeSet<SocketAddr>> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let mut packet = [0; 2048];
        while let Ok((length, _)) = recv(&self.socket, &mut packet[..], RecvFlags::DONTWAIT) {
            reached.extend(destination(&packet[..length]));
        }
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
