//! A UDP socket, for both versions of WASI: one socket of the kernel's for each peer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tombolo_egress::Ask;
use wasmtime_wasi::sockets::{ErrorCode, SocketAddrUse};

use super::options::{Name, Options};
use super::{Family, code};
use crate::egress::InstanceNet;
use crate::sockets::policy::{self, Protocol};

/// The longest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Peers of one socket. The one that was first makes room.
const PEERS_MAX: usize = 32;

/// A socket as the guest sees it. Its streams share it.
#[derive(Clone)]
pub(super) struct Udp(Arc<Shared>);

struct Shared {
    net: Arc<InstanceNet>,
    family: Family,
    state: Mutex<State>,
    /// There is another peer to hear from.
    joined: Notify,
}

#[derive(Default)]
struct State {
    is_bound: bool,
    connected: Option<SocketAddr>,
    peers: VecDeque<(SocketAddr, Arc<UdpSocket>)>,
    options: Options,
}

impl Udp {
    pub(super) fn new(net: Arc<InstanceNet>, family: Family) -> Udp {
        Udp(Arc::new(Shared { net, family, state: Mutex::default(), joined: Notify::new() }))
    }

    /// Only without a port, as nothing unasked can be granted; then it is no more than a note.
    pub(super) fn bind(&self, at: SocketAddr) -> Result<(), ErrorCode> {
        let mut state = self.state();
        if state.is_bound {
            return Err(ErrorCode::InvalidState);
        }
        if !self.0.family.has(at.ip()) {
            return Err(ErrorCode::InvalidArgument);
        }
        if !policy::may_use(&self.0.net, at, SocketAddrUse::UdpBind) {
            return Err(ErrorCode::AccessDenied);
        }
        if !at.ip().is_unspecified() {
            return Err(ErrorCode::AddressNotBindable);
        }
        state.is_bound = true;
        Ok(())
    }

    /// From now on it sends to this peer, and hears from it alone.
    pub(super) async fn connect(&self, to: SocketAddr) -> Result<(), ErrorCode> {
        if !self.0.family.reaches(to) {
            return Err(ErrorCode::InvalidArgument);
        }
        let name = policy::may_ask(&self.0.net, to, Protocol::Udp).ok_or(ErrorCode::AccessDenied)?;
        self.peer(to, name.map(|name| name.to_string())).await?;
        let mut state = self.state();
        state.peers.retain(|(peer, _)| *peer == to);
        (state.connected, state.is_bound) = (Some(to), true);
        Ok(())
    }

    pub(super) fn disconnect(&self) -> Result<(), ErrorCode> {
        let mut state = self.state();
        state.peers.clear();
        state.connected.take().map(drop).ok_or(ErrorCode::InvalidState)
    }

    /// Checks a datagram; what is left to do is to send it.
    pub(super) fn send(
        &self,
        data: Vec<u8>,
        to: Option<SocketAddr>,
    ) -> Result<impl Future<Output = Result<(), ErrorCode>> + Send + 'static, ErrorCode> {
        let to = match (to, self.remote_address().ok()) {
            (None, None) => return Err(ErrorCode::InvalidArgument),
            (Some(to), Some(connected)) if to != connected => return Err(ErrorCode::InvalidArgument),
            (Some(to), _) | (None, Some(to)) => to,
        };
        if !self.0.family.reaches(to) {
            return Err(ErrorCode::InvalidArgument);
        }
        if data.len() > DATAGRAM_BYTES_MAX {
            return Err(ErrorCode::DatagramTooLarge);
        }
        let name = policy::may_ask(&self.0.net, to, Protocol::Udp).ok_or(ErrorCode::AccessDenied)?;
        let (socket, name) = (self.clone(), name.map(|name| name.to_string()));
        Ok(async move {
            let peer = socket.peer(to, name).await?;
            socket.state().is_bound = true;
            peer.send(&data).await?;
            Ok(())
        })
    }

    /// The next datagram of any peer.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Vec<u8>, SocketAddr), ErrorCode>> {
        let peers: Vec<_> = self.state().peers.iter().cloned().collect();
        let mut bytes = vec![0; if peers.is_empty() { 0 } else { DATAGRAM_BYTES_MAX }];
        for (from, peer) in peers {
            let mut buffer = ReadBuf::new(&mut bytes);
            if let Poll::Ready(received) = peer.poll_recv(cx, &mut buffer) {
                let length = buffer.filled().len();
                bytes.truncate(length);
                return Poll::Ready(received.map(|()| (bytes, from)).map_err(ErrorCode::from));
            }
        }
        Poll::Pending
    }

    /// Waits until there may be a datagram.
    pub(super) async fn ready(&self) {
        loop {
            let joined = self.0.joined.notified();
            let peers: Vec<_> = self.state().peers.iter().map(|(_, peer)| Arc::clone(peer)).collect();
            let readable = std::future::poll_fn(|cx| {
                let is_ready = peers.iter().any(|peer| peer.poll_recv_ready(cx).is_ready());
                if is_ready { Poll::Ready(()) } else { Poll::Pending }
            });
            tokio::select! {
                () = readable => return,
                () = joined => {}
            }
        }
    }

    /// The next datagram, also of peers that are still to come.
    pub(super) async fn receive(&self) -> Result<(Vec<u8>, SocketAddr), ErrorCode> {
        loop {
            let joined = self.0.joined.notified();
            tokio::select! {
                received = std::future::poll_fn(|cx| self.poll_receive(cx)) => return received,
                () = joined => {}
            }
        }
    }

    /// The socket for a peer, which is asked for if there is none.
    async fn peer(&self, to: SocketAddr, name: Option<String>) -> Result<Arc<UdpSocket>, ErrorCode> {
        let known = self.state().peers.iter().find(|(peer, _)| *peer == to).map(|(_, peer)| Arc::clone(peer));
        if let Some(known) = known {
            return Ok(known);
        }
        let net = &self.0.net;
        let template = net.template();
        let ask = Ask::Udp { name, to };
        let asker = net.asker(template.limits().connect_time);
        let outcome = template.network().way().datagrams(asker, ask.clone()).await;
        let (socket, admitted) = net.policy().recorded(outcome, |_| ask.request(None)).map_err(code)?;
        template.ledger().used_for(&ask.request(None), &admitted.grant);
        let mut state = self.state();
        state.options.apply(&socket, self.0.family)?;
        let socket = Arc::new(socket);
        if state.peers.len() == PEERS_MAX {
            state.peers.pop_front();
        }
        state.peers.push_back((to, Arc::clone(&socket)));
        drop(state);
        self.0.joined.notify_waiters();
        Ok(socket)
    }

    pub(super) fn net(&self) -> &Arc<InstanceNet> {
        &self.0.net
    }

    pub(super) fn family(&self) -> Family {
        self.0.family
    }

    pub(super) fn is_bound(&self) -> bool {
        self.state().is_bound
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        let state = self.state();
        match state.peers.front() {
            Some((_, socket)) => Ok(socket.local_addr()?),
            None if state.is_bound => Ok(self.0.family.unspecified()),
            None => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        self.state().connected.ok_or(ErrorCode::InvalidState)
    }

    pub(super) fn option(&self, name: Name) -> u64 {
        self.state().options.get(name)
    }

    pub(super) fn set_option(&self, name: Name, value: u64) -> Result<(), ErrorCode> {
        let mut state = self.state();
        let peers: Vec<_> = state.peers.iter().map(|(_, peer)| Arc::clone(peer)).collect();
        state.options.set(name, value, None, self.0.family)?;
        peers.iter().try_for_each(|peer| state.options.set(name, value, Some(peer.as_fd()), self.0.family))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
