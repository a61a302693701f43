//! UDP sockets of `wasi:sockets` 0.3.

use std::net::SocketAddr;
use std::sync::Arc;

use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi::p3::bindings::sockets::types::{
    HostUdpSocket, HostUdpSocketWithStore, IpAddressFamily, IpSocketAddress, UdpSocket,
};
use wasmtime_wasi::p3::sockets::{SocketError, SocketResult};
use wasmtime_wasi::sockets::ErrorCode;

use super::options::Name;
use super::udp::Udp;
use super::{HasSockets, SocketsView, own};
use crate::sockets::metered::ASKED;

impl SocketsView<'_> {
    fn udp3(&mut self, this: &Resource<UdpSocket>) -> SocketResult<Udp> {
        self.table.get(&own::<_, Udp>(this)).cloned().map_err(SocketError::trap)
    }
}

impl<T: Send> HostUdpSocketWithStore<T> for HasSockets {
    async fn send(
        store: &Accessor<T, Self>,
        this: Resource<UdpSocket>,
        data: Vec<u8>,
        to: Option<IpSocketAddress>,
    ) -> SocketResult<()> {
        let udp = store.with(|mut store| store.get().udp3(&this))?;
        udp.net().spend_bytes(data.len(), ASKED).map_err(|_| ErrorCode::AccessDenied)?;
        udp.send(data, to.map(SocketAddr::from))?.await?;
        Ok(())
    }

    async fn receive(
        store: &Accessor<T, Self>,
        this: Resource<UdpSocket>,
    ) -> SocketResult<(Vec<u8>, IpSocketAddress)> {
        let udp = store.with(|mut store| store.get().udp3(&this))?;
        if !udp.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        let (data, from) = udp.receive().await?;
        udp.net().spend_bytes(data.len(), ASKED).map_err(|_| ErrorCode::AccessDenied)?;
        Ok((data, from.into()))
    }
}

impl HostUdpSocket for SocketsView<'_> {
    async fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        let udp = Udp::new(Arc::clone(&self.net), family.into());
        Ok(own(&self.table.push(udp).map_err(SocketError::trap)?))
    }

    async fn bind(&mut self, this: Resource<UdpSocket>, at: IpSocketAddress) -> SocketResult<()> {
        Ok(self.udp3(&this)?.bind(at.into())?)
    }

    async fn connect(&mut self, this: Resource<UdpSocket>, to: IpSocketAddress) -> SocketResult<()> {
        Ok(self.udp3(&this)?.connect(to.into()).await?)
    }

    fn disconnect(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        Ok(self.udp3(&this)?.disconnect()?)
    }

    fn get_local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.udp3(&this)?.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.udp3(&this)?.remote_address()?.into())
    }

    fn get_address_family(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&own::<_, Udp>(&this))?.family().into())
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        Ok(u8::try_from(self.udp3(&this)?.option(Name::HopLimit)).unwrap_or(u8::MAX))
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, value: u8) -> SocketResult<()> {
        Ok(self.udp3(&this)?.set_option(Name::HopLimit, value.into())?)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp3(&this)?.option(Name::ReceiveBuffer))
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.udp3(&this)?.set_option(Name::ReceiveBuffer, value)?)
    }

    fn get_send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp3(&this)?.option(Name::SendBuffer))
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.udp3(&this)?.set_option(Name::SendBuffer, value)?)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(own::<_, Udp>(&this))?;
        Ok(())
    }
}
