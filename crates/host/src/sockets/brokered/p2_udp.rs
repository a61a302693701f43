//! `wasi:sockets/udp` 0.2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    Host, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasmtime_wasi::p2::bindings::sockets::udp_create_socket;
use wasmtime_wasi::p2::{DynPollable, Pollable, SocketError, SocketResult, subscribe};
use wasmtime_wasi::sockets::ErrorCode as Code;

use super::options::Name;
use super::pending::Pending;
use super::udp::Udp;
use super::{SocketsView, own};
use crate::sockets::metered::ASKED;

/// Datagrams of one call.
const DATAGRAMS_MAX: usize = 16;

struct Socket {
    udp: Udp,
    is_binding: bool,
}

struct Incoming(Udp);

struct Outgoing {
    udp: Udp,
    permitted: usize,
    /// A datagram on its way to a peer that has no socket yet, or none that takes it now.
    sending: Option<Pending<Result<(), Code>>>,
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {}
}

#[async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

#[async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        if let Some(sending) = &mut self.sending {
            std::future::poll_fn(|cx| sending.poll(cx)).await;
        }
    }
}

impl Outgoing {
    /// What came of the datagram before; none is sent while that is not known.
    fn last(&mut self) -> Result<(), ErrorCode> {
        match self.sending.take().map(Pending::take) {
            None => Ok(()),
            Some(Ok(sent)) => sent.map_err(ErrorCode::from),
            Some(Err(sending)) => {
                self.sending = Some(sending);
                Err(ErrorCode::WouldBlock)
            }
        }
    }

    fn send(&mut self, datagram: OutgoingDatagram) -> Result<(), ErrorCode> {
        self.last()?;
        let sending = self.udp.send(datagram.data, datagram.remote_address.map(SocketAddr::from))?;
        self.sending = Some(Pending::begin(sending));
        Ok(())
    }
}

impl udp_create_socket::Host for SocketsView<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        let udp = Udp::new(Arc::clone(&self.net), family.into());
        Ok(own(&self.table.push(Socket { udp, is_binding: false })?))
    }
}

impl SocketsView<'_> {
    fn udp(&mut self, this: &Resource<UdpSocket>) -> wasmtime::Result<Udp> {
        Ok(self.table.get(&own::<_, Socket>(this))?.udp.clone())
    }
}

impl Host for SocketsView<'_> {}

impl HostUdpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<UdpSocket>,
        network: Resource<Network>,
        at: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.table.get_mut(&own::<_, Socket>(&this))?;
        if socket.is_binding {
            return Err(ErrorCode::ConcurrencyConflict.into());
        }
        socket.udp.bind(at.into())?;
        socket.is_binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        let socket = self.table.get_mut(&own::<_, Socket>(&this))?;
        if !std::mem::take(&mut socket.is_binding) {
            return Err(ErrorCode::NotInProgress.into());
        }
        Ok(())
    }

    async fn stream(
        &mut self,
        this: Resource<UdpSocket>,
        remote: Option<IpSocketAddress>,
    ) -> SocketResult<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>)> {
        let this = own::<_, Socket>(&this);
        let is_used =
            self.table.iter_children(&this)?.any(|child| child.is::<Incoming>() || child.is::<Outgoing>());
        if is_used {
            return Err(SocketError::trap(wasmtime::Error::msg("UDP streams not dropped yet")));
        }
        let udp = self.table.get(&this)?.udp.clone();
        if !udp.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        match remote {
            Some(to) => udp.connect(to.into()).await?,
            // One that is not connected stays so.
            None => drop(udp.disconnect()),
        }
        let incoming = self.table.push_child(Incoming(udp.clone()), &this)?;
        let outgoing = self.table.push_child(Outgoing { udp, permitted: 0, sending: None }, &this)?;
        Ok((own(&incoming), own(&outgoing)))
    }

    fn local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.remote_address()?.into())
    }

    fn address_family(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.udp(&this)?.family().into())
    }

    fn unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        let socket = self.table.get(&own::<_, Socket>(&this))?;
        Ok(u8::try_from(socket.udp.option(Name::HopLimit)).unwrap_or(u8::MAX))
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, value: u8) -> SocketResult<()> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.set_option(Name::HopLimit, value.into())?)
    }

    fn receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.option(Name::ReceiveBuffer))
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.set_option(Name::ReceiveBuffer, value)?)
    }

    fn send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.option(Name::SendBuffer))
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.udp.set_option(Name::SendBuffer, value)?)
    }

    fn subscribe(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own::<_, Socket>(&this))
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(own::<_, Socket>(&this))?;
        Ok(())
    }
}

impl HostIncomingDatagramStream for SocketsView<'_> {
    fn receive(
        &mut self,
        this: Resource<IncomingDatagramStream>,
        max: u64,
    ) -> SocketResult<Vec<IncomingDatagram>> {
        let udp = self.table.get(&own::<_, Incoming>(&this))?.0.clone();
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(DATAGRAMS_MAX);
        let mut datagrams = Vec::new();
        while datagrams.len() < max {
            match udp.poll_receive(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => break,
                Poll::Ready(Err(_)) if !datagrams.is_empty() => break,
                Poll::Ready(received) => {
                    let (data, from) = received?;
                    if udp.net().spend_bytes(data.len(), ASKED).is_err() {
                        return Err(ErrorCode::AccessDenied.into());
                    }
                    datagrams.push(IncomingDatagram { data, remote_address: from.into() });
                }
            }
        }
        Ok(datagrams)
    }

    fn subscribe(
        &mut self,
        this: Resource<IncomingDatagramStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own::<_, Incoming>(&this))
    }

    fn drop(&mut self, this: Resource<IncomingDatagramStream>) -> wasmtime::Result<()> {
        self.table.delete(own::<_, Incoming>(&this))?;
        Ok(())
    }
}

impl HostOutgoingDatagramStream for SocketsView<'_> {
    fn check_send(&mut self, this: Resource<OutgoingDatagramStream>) -> SocketResult<u64> {
        let outgoing = self.table.get_mut(&own::<_, Outgoing>(&this))?;
        outgoing.permitted = match outgoing.last() {
            Err(ErrorCode::WouldBlock) => 0,
            last => {
                last?;
                DATAGRAMS_MAX
            }
        };
        Ok(outgoing.permitted as u64)
    }

    fn send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
        datagrams: Vec<OutgoingDatagram>,
    ) -> SocketResult<u64> {
        let outgoing = self.table.get_mut(&own::<_, Outgoing>(&this))?;
        if datagrams.len() > std::mem::take(&mut outgoing.permitted) {
            return Err(SocketError::trap(wasmtime::Error::msg("more is sent than check-send permitted")));
        }
        let mut sent = 0;
        for datagram in datagrams {
            if outgoing.udp.net().spend_bytes(datagram.data.len(), ASKED).is_err() {
                return if sent > 0 { Ok(sent) } else { Err(ErrorCode::AccessDenied.into()) };
            }
            match outgoing.send(datagram) {
                Ok(()) => sent += 1,
                Err(ErrorCode::WouldBlock) => break,
                Err(_) if sent > 0 => break,
                Err(code) => return Err(code.into()),
            }
        }
        Ok(sent)
    }

    fn subscribe(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own::<_, Outgoing>(&this))
    }

    /// What has been taken over is sent first.
    async fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> wasmtime::Result<()> {
        let mut outgoing = self.table.delete(own::<_, Outgoing>(&this))?;
        outgoing.ready().await;
        Ok(())
    }
}
