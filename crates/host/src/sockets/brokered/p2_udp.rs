//! `wasi:sockets/udp` 0.2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::StoreContextMut;
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
use wasmtime_wasi_io::IoView;

use super::options::Name;
use super::udp::Udp;
use super::{SocketsView, own};
use crate::guest::Guest;
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
    async fn ready(&mut self) {}
}

/// Sends datagrams. It waits for the socket of a new peer, so that a refusal is seen by who sends.
pub(super) fn send(
    mut store: StoreContextMut<'_, Guest>,
    (this, datagrams): (Resource<OutgoingDatagramStream>, Vec<OutgoingDatagram>),
) -> Box<dyn Future<Output = wasmtime::Result<(Result<u64, ErrorCode>,)>> + Send + '_> {
    Box::new(async move {
        let outgoing = store.data_mut().table().get_mut(&own::<_, Outgoing>(&this))?;
        if datagrams.len() > std::mem::take(&mut outgoing.permitted) {
            return Err(wasmtime::Error::msg("more is sent than check-send permitted"));
        }
        let udp = outgoing.udp.clone();
        let mut sent = 0;
        for OutgoingDatagram { data, remote_address } in datagrams {
            match send_one(&udp, data, remote_address.map(SocketAddr::from)).await {
                Ok(()) => sent += 1,
                Err(_) if sent > 0 => break,
                Err(code) => return Ok((Err(code.into()),)),
            }
        }
        Ok((Ok(sent),))
    })
}

async fn send_one(udp: &Udp, data: Vec<u8>, to: Option<SocketAddr>) -> Result<(), Code> {
    udp.net().spend_bytes(data.len(), ASKED).map_err(|_| Code::AccessDenied)?;
    udp.send(data, to)?.await
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
        let outgoing = self.table.push_child(Outgoing { udp, permitted: 0 }, &this)?;
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
        outgoing.permitted = DATAGRAMS_MAX;
        Ok(DATAGRAMS_MAX as u64)
    }

    /// Never called: the function of this name stands in its place, as it may wait.
    fn send(&mut self, _: Resource<OutgoingDatagramStream>, _: Vec<OutgoingDatagram>) -> SocketResult<u64> {
        Err(ErrorCode::NotSupported.into())
    }

    fn subscribe(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own::<_, Outgoing>(&this))
    }

    async fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> wasmtime::Result<()> {
        self.table.delete(own::<_, Outgoing>(&this))?;
        Ok(())
    }
}
