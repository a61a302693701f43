//! A TCP socket, for both versions of WASI.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::net::{TcpListener, TcpStream};
use tombolo_egress::Ask;
use wasmtime_wasi::sockets::{ErrorCode, SocketAddrUse};

use super::options::{Name, Options};
use super::pending::Pending;
use super::{Family, code};
use crate::egress::InstanceNet;
use crate::sockets::policy::{self, Protocol};

/// Connections that may wait at a listener, where the guest does not say.
const BACKLOG: u32 = 128;

/// ```text
/// new ── bind ──▶ new ┬─ connect ──▶ connecting ──▶ connected
///                     └─ listen  ──▶ listening  ──▶ accepted: connected
/// ```
pub(super) struct Tcp {
    net: Arc<InstanceNet>,
    pub(super) family: Family,
    state: State,
    options: Options,
    backlog: u32,
}

enum State {
    /// Bound to this address once it listens.
    New(Option<SocketAddr>),
    Connecting(Pending<Result<TcpStream, ErrorCode>>),
    Connected(Arc<TcpStream>),
    Listening(Arc<TcpListener>),
    Closed(ErrorCode),
}

impl Tcp {
    pub(super) fn new(net: Arc<InstanceNet>, family: Family) -> Tcp {
        Tcp { net, family, state: State::New(None), options: Options::default(), backlog: BACKLOG }
    }

    /// Without a port: nothing. With one: that of a listener to be.
    pub(super) fn bind(&mut self, at: SocketAddr) -> Result<(), ErrorCode> {
        let State::New(None) = self.state else { return Err(ErrorCode::InvalidState) };
        if !self.family.has(at.ip()) || at.ip().is_multicast() {
            return Err(ErrorCode::InvalidArgument);
        }
        if !policy::may_use(&self.net, at, SocketAddrUse::TcpBind) {
            return Err(ErrorCode::AccessDenied);
        }
        if at.port() == 0 && !at.ip().is_unspecified() {
            return Err(ErrorCode::AddressNotBindable);
        }
        self.state = State::New(Some(at));
        Ok(())
    }

    /// Begins to connect.
    pub(super) fn connect(&mut self, to: SocketAddr) -> Result<(), ErrorCode> {
        let State::New(_) = self.state else { return Err(ErrorCode::InvalidState) };
        let is_broadcast = matches!(to, SocketAddr::V4(to) if to.ip().is_broadcast());
        if !self.family.reaches(to) || to.ip().is_multicast() || is_broadcast {
            return Err(ErrorCode::InvalidArgument);
        }
        let (net, options, family) = (Arc::clone(&self.net), self.options.clone(), self.family);
        self.state = State::Connecting(Pending::begin(async move {
            let stream = connect(&net, to).await?;
            options.apply(&stream, family)?;
            Ok(stream)
        }));
        Ok(())
    }

    /// Waits until it is connected, or can't be.
    pub(super) fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        if let State::Connecting(connecting) = &mut self.state {
            ready!(connecting.poll(cx));
        }
        let state = std::mem::replace(&mut self.state, State::Closed(ErrorCode::Other));
        let (state, result) = match state {
            State::Connecting(Pending::Ready(Ok(stream))) => (State::Connected(Arc::new(stream)), Ok(())),
            State::Connecting(Pending::Ready(Err(code))) | State::Closed(code) => {
                (State::Closed(code), Err(code))
            }
            State::Connected(stream) => (State::Connected(stream), Ok(())),
            state => (state, Err(ErrorCode::InvalidState)),
        };
        self.state = state;
        Poll::Ready(result)
    }

    /// Listens where it was bound to, at a port that a grant names.
    pub(super) async fn listen(&mut self) -> Result<(), ErrorCode> {
        let State::New(bound) = self.state else { return Err(ErrorCode::InvalidState) };
        let at = bound.unwrap_or(self.family.unspecified());
        if !policy::may_use(&self.net, at, SocketAddrUse::TcpListen) {
            return Err(ErrorCode::AccessDenied);
        }
        let template = self.net.template();
        let asker = self.net.asker(template.limits().connect_time);
        let listener = template.network().way().listen(asker, at, self.backlog).await.map_err(code)?;
        self.state = State::Listening(Arc::new(listener));
        Ok(())
    }

    /// The connections of a listener.
    pub(super) fn accepting(&self) -> Option<Accepting> {
        let State::Listening(listener) = &self.state else { return None };
        let (net, options) = (Arc::clone(&self.net), self.options.clone());
        Some(Accepting { listener: Arc::clone(listener), net, family: self.family, options, next: None })
    }

    pub(super) fn is_bound(&self) -> bool {
        !matches!(self.state, State::New(None))
    }

    pub(super) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening(_))
    }

    pub(super) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    pub(super) fn net(&self) -> Arc<InstanceNet> {
        Arc::clone(&self.net)
    }

    pub(super) fn stream(&self) -> Result<Arc<TcpStream>, ErrorCode> {
        match &self.state {
            State::Connected(stream) => Ok(Arc::clone(stream)),
            State::Closed(code) => Err(*code),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn local_address(&self) -> Result<SocketAddr, ErrorCode> {
        match &self.state {
            State::New(Some(at)) => Ok(*at),
            State::Connected(stream) => Ok(stream.local_addr()?),
            State::Listening(listener) => Ok(listener.local_addr()?),
            State::Closed(code) => Err(*code),
            State::New(None) | State::Connecting(_) => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn remote_address(&self) -> Result<SocketAddr, ErrorCode> {
        Ok(self.stream()?.peer_addr()?)
    }

    pub(super) fn set_backlog(&mut self, value: u64) -> Result<(), ErrorCode> {
        match (value, &self.state) {
            (0, _) => Err(ErrorCode::InvalidArgument),
            (_, State::New(_)) => {
                self.backlog = u32::try_from(value).unwrap_or(u32::MAX);
                Ok(())
            }
            // What the broker was asked for is what there is.
            (_, State::Listening(_)) => Err(ErrorCode::NotSupported),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    pub(super) fn option(&self, name: Name) -> Result<u64, ErrorCode> {
        match &self.state {
            State::Closed(code) => Err(*code),
            _ => Ok(self.options.get(name)),
        }
    }

    pub(super) fn set_option(&mut self, name: Name, value: u64) -> Result<(), ErrorCode> {
        let socket: Option<BorrowedFd<'_>> = match &self.state {
            State::Connected(stream) => Some(stream.as_fd()),
            State::Listening(_) | State::New(_) => None,
            State::Connecting(_) => return Err(ErrorCode::InvalidState),
            State::Closed(code) => return Err(*code),
        };
        self.options.set(name, value, socket, self.family)
    }
}

/// Takes connections, one at a time.
pub(super) struct Accepting {
    listener: Arc<TcpListener>,
    net: Arc<InstanceNet>,
    family: Family,
    options: Options,
    next: Option<Result<Tcp, ErrorCode>>,
}

impl Accepting {
    /// Waits until there is one.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.next.is_none() {
            let accepted = ready!(self.listener.poll_accept(cx));
            self.next = Some(accepted.map_err(ErrorCode::from).and_then(|(stream, _)| self.accepted(stream)));
        }
        Poll::Ready(())
    }

    pub(super) fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Tcp, ErrorCode>> {
        ready!(self.poll_ready(cx));
        Poll::Ready(self.next.take().unwrap_or(Err(ErrorCode::Other)))
    }

    fn accepted(&self, stream: TcpStream) -> Result<Tcp, ErrorCode> {
        self.options.apply(&stream, self.family)?;
        let (net, options) = (Arc::clone(&self.net), self.options.clone());
        let state = State::Connected(Arc::new(stream));
        Ok(Tcp { net, family: self.family, state, options, backlog: BACKLOG })
    }
}

/// A connection by a grant that names the address, or a name that led the guest there.
async fn connect(net: &InstanceNet, to: SocketAddr) -> Result<TcpStream, ErrorCode> {
    let name = policy::may_ask(net, to, Protocol::Tcp).ok_or(ErrorCode::AccessDenied)?;
    let template = net.template();
    let ask = Ask::Tcp { name: name.map(|name| name.to_string()), to };
    let outcome =
        template.network().way().connect(net.asker(template.limits().connect_time), ask.clone()).await;
    let (stream, admitted) = net.policy().recorded(outcome, |_| ask.request(None)).map_err(code)?;
    template.ledger().used_for(&ask.request(None), &admitted.grant);
    Ok(stream)
}
