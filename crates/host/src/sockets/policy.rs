//! Which addresses a guest's sockets may use.

use std::net::SocketAddr;
use std::sync::Arc;

use tombolo_egress::Admitted;
use tombolo_spec::Request;
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
enum Protocol {
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
    let request = protocol.request(None, address);
    let Some(admitted) = find(net, address, protocol) else {
        refuse(net, address, &request);
        return false;
    };
    let counts = protocol == Protocol::Tcp || net.first_datagram(address);
    if counts && net.spend_request(&request.to_string()).is_err() {
        return false;
    }
    net.policy().ledger.used(&admitted.grant);
    true
}

/// The grant for an address: one that names it, or one that names a name that led the guest there.
fn find(net: &InstanceNet, address: SocketAddr, protocol: Protocol) -> Option<Admitted> {
    let policy = net.policy();
    let direct = protocol.request(None, address);
    if policy.grants.permits(&direct) {
        return policy.admit(address.ip(), &direct, |address| policy.network.is_own(address));
    }
    let names = net.names_of(address.ip());
    names.iter().find_map(|name| {
        let by_name = protocol.request(Some(name.as_str()), address);
        let is_own = |address| policy.network.is_own(address);
        policy.grants.permits(&by_name).then(|| policy.admit(address.ip(), &by_name, is_own))?
    })
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
