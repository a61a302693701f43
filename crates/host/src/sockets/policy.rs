//! Which addresses a guest's sockets may use.

use std::net::SocketAddr;
use std::sync::Arc;

use tombolo_egress::Admitted;
use tombolo_spec::Request;
use tombolo_spec::grant::HostName;
use tombolo_spec::net;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtx};

use crate::egress::{InstanceNet, grant_line};
use crate::ledger::{Reason, Refused};

/// What wasmtime-wasi asks about addresses, for one instance.
pub(crate) fn context(net: Arc<InstanceNet>) -> WasiSocketsCtx {
    let mut builder = WasiCtx::builder();
    builder.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false);
    builder.socket_addr_check(move |address, usage| {
        let permitted = may_use(&net, address, usage);
        Box::pin(std::future::ready(permitted))
    });
    builder.build().sockets().clone()
}

/// Decides on one use of an address; counts it, or records why not.
pub(super) fn may_use(net: &InstanceNet, address: SocketAddr, usage: SocketAddrUse) -> bool {
    match usage {
        SocketAddrUse::TcpConnect => may_connect(net, address, Protocol::Tcp),
        SocketAddrUse::UdpSend => may_connect(net, address, Protocol::Udp),
        SocketAddrUse::UdpReceive => find(net, address, Protocol::Udp).is_some(),
        SocketAddrUse::TcpBind => address.port() == 0 || may_listen(net, address),
        SocketAddrUse::TcpListen => may_listen(net, address),
        SocketAddrUse::TcpAccept => true,
        SocketAddrUse::UdpBind => address.port() == 0 || refuse_udp_port(net, address),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn request(self, host: Option<&str>, addr: SocketAddr) -> Request<'_> {
        match self {
            Protocol::Tcp => Request::TcpConnect { host, addr },
            Protocol::Udp => Request::UdpConnect { host, addr },
        }
    }
}

fn may_connect(net: &InstanceNet, address: SocketAddr, protocol: Protocol) -> bool {
    let Some(Found { admitted, name }) = find(net, address, protocol) else {
        refuse(net, address, &protocol.request(None, address));
        return false;
    };
    if !spend(net, address, protocol) {
        return false;
    }
    let name = name.as_ref().map(HostName::as_str);
    net.policy().ledger.used_for(&protocol.request(name, address), &admitted.grant);
    true
}

/// Whether an address may be asked for, and as what: as itself, or as what a name led to. A refusal is recorded.
pub(super) fn may_ask(
    net: &InstanceNet,
    address: SocketAddr,
    protocol: Protocol,
) -> Option<Option<HostName>> {
    let Some(name) = named(net, address, protocol) else {
        refuse(net, address, &protocol.request(None, address));
        return None;
    };
    spend(net, address, protocol).then_some(name)
}

/// A connection, or the first datagram to an address, is a request of its own.
fn spend(net: &InstanceNet, address: SocketAddr, protocol: Protocol) -> bool {
    let counts = protocol == Protocol::Tcp || net.first_datagram(address);
    !counts || net.spend_request(&protocol.request(None, address).to_string()).is_ok()
}

/// An address that may be used, and the name that led the guest there, if it may because of one.
struct Found {
    admitted: Admitted,
    name: Option<HostName>,
}

/// The grant for an address: one that names it, or one that names a name that led the guest there.
fn find(net: &InstanceNet, address: SocketAddr, protocol: Protocol) -> Option<Found> {
    let name = named(net, address, protocol)?;
    let policy = net.policy();
    let request = protocol.request(name.as_ref().map(HostName::as_str), address);
    let admitted = policy.admit(address.ip(), &request, |address| policy.network.is_own(address))?;
    Some(Found { admitted, name })
}

/// What a grant calls an address: nothing but itself, or a name that led the guest there.
fn named(net: &InstanceNet, address: SocketAddr, protocol: Protocol) -> Option<Option<HostName>> {
    let grants = net.policy().grants;
    if grants.permits(&protocol.request(None, address)) {
        return Some(None);
    }
    let by_name = |name: &HostName| grants.permits(&protocol.request(Some(name.as_str()), address));
    net.names_of(address.ip()).into_iter().find(by_name).map(Some)
}

fn refuse(net: &InstanceNet, address: SocketAddr, request: &Request<'_>) {
    let reason = match net::classify(address.ip()) {
        net::Class::Public => Reason::NoGrant,
        class => Reason::Address { address: address.ip(), class },
    };
    net.policy().refuse(request, reason, grant_line(request));
}

fn may_listen(net: &InstanceNet, address: SocketAddr) -> bool {
    let policy = net.policy();
    let request = Request::ListenTcp { port: address.port() };
    match policy.grants.find(&request) {
        Some(grant) => {
            policy.ledger.used(grant);
            true
        }
        None => {
            policy.refuse(&request, Reason::NoGrant, grant_line(&request));
            false
        }
    }
}

/// Receiving unasked datagrams is nothing that a grant can say yet.
fn refuse_udp_port(net: &InstanceNet, address: SocketAddr) -> bool {
    let request = format!("listen udp {}", address.port());
    let reason = Reason::NoGrant;
    net.policy().ledger.refused(Refused { request: &request, near: None, reason, remedy: None });
    false
}
