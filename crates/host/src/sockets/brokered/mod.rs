//! Sockets of a process that can make none: what a guest connects to or listens at comes from the way out
//! ([`tombolo_egress::Way`]) as an open socket.
//!
//! So there is no socket before it leads somewhere. Options are kept until then; a bind without a port is no more than
//! a note, and one to an address has nothing to be bound to; a socket for datagrams is one for each peer, and hears
//! from those it sent to.

mod options;
mod p2_tcp;
mod p2_udp;
mod p3_tcp;
mod p3_udp;
mod pending;
mod streams;
mod tcp;
mod udp;

use std::net::{IpAddr, SocketAddr};

use tombolo_egress::Failed;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets as p2;
use wasmtime_wasi::p3::bindings::sockets as p3;
use wasmtime_wasi::sockets::ErrorCode;

use crate::guest::Guest;
use std::sync::Arc;

use crate::egress::InstanceNet;

/// Names a guest's sockets to the linker.
pub(crate) struct HasSockets;

impl HasData for HasSockets {
    type Data<'a> = SocketsView<'a>;
}

/// A guest's sockets.
pub(crate) struct SocketsView<'a> {
    pub(crate) net: Arc<InstanceNet>,
    pub(crate) table: &'a mut ResourceTable,
}

/// TCP and UDP of WASI 0.2.
pub(crate) fn link_p2(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    p2::tcp_create_socket::add_to_linker::<_, HasSockets>(linker, Guest::brokered_sockets)?;
    p2::udp_create_socket::add_to_linker::<_, HasSockets>(linker, Guest::brokered_sockets)?;
    p2::tcp::add_to_linker::<_, HasSockets>(linker, Guest::brokered_sockets)?;
    p2::udp::add_to_linker::<_, HasSockets>(linker, Guest::brokered_sockets)?;
    linker.allow_shadowing(true);
    let mut udp = linker.instance("wasi:sockets/udp@0.2.12")?;
    udp.func_wrap_async("[method]outgoing-datagram-stream.send", p2_udp::send)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// TCP and UDP of WASI 0.3.
pub(crate) fn link_p3(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    p3::types::add_to_linker::<_, HasSockets>(linker, Guest::brokered_sockets)
}

/// The bindings name resources by wasmtime-wasi's types; in the table are ours.
fn own<T, U>(resource: &Resource<T>) -> Resource<U> {
    match resource.owned() {
        true => Resource::new_own(resource.rep()),
        false => Resource::new_borrow(resource.rep()),
    }
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    /// An address that a socket of this family can have. IPv4 addresses in IPv6 ones are none (WASI).
    fn has(self, address: IpAddr) -> bool {
        match (self, address) {
            (Family::V4, IpAddr::V4(_)) => true,
            (Family::V6, IpAddr::V6(v6)) => {
                let is_compatible = v6.segments()[..6] == [0; 6] && !v6.is_unspecified() && !v6.is_loopback();
                v6.to_ipv4_mapped().is_none() && !is_compatible
            }
            _ => false,
        }
    }

    /// An address that a socket of this family can send to.
    fn reaches(self, to: SocketAddr) -> bool {
        self.has(to.ip()) && !to.ip().is_unspecified() && to.port() != 0
    }

    /// What a socket is bound to that leads nowhere yet.
    fn unspecified(self) -> SocketAddr {
        match self {
            Family::V4 => SocketAddr::from(([0; 4], 0)),
            Family::V6 => SocketAddr::from(([0_u16; 8], 0)),
        }
    }
}

/// Why there is no socket, in the words of WASI.
fn code(failed: Failed) -> ErrorCode {
    match failed {
        Failed::Refused | Failed::Barred => ErrorCode::AccessDenied,
        Failed::Lookup(_) => ErrorCode::RemoteUnreachable,
        Failed::Io(errno) => std::io::Error::from_raw_os_error(errno).into(),
        Failed::Gone => ErrorCode::ConnectionAborted,
        Failed::TooLong => ErrorCode::InvalidArgument,
    }
}
