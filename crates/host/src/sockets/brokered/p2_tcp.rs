//! `wasi:sockets/tcp` 0.2.

use std::future::poll_fn;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::{
    self, ErrorCode, IpAddressFamily, IpSocketAddress, Network,
};
use wasmtime_wasi::p2::bindings::sockets::tcp::{Host, HostTcpSocket, ShutdownType, TcpSocket};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, IoError, Pollable, SocketError, SocketResult, subscribe,
};

use super::options::Name;
use super::streams::{Outgoing, Reader, Writer, end};
use super::tcp::{Accepting, Tcp};
use super::{Family, SocketsView, own};
use crate::sockets::metered::Counted;

/// A socket, and which operation is in progress.
struct Socket {
    tcp: Tcp,
    doing: Option<Doing>,
    accepting: Option<Accepting>,
    outgoing: Option<Outgoing>,
}

impl Socket {
    fn new(tcp: Tcp) -> Socket {
        Socket { tcp, doing: None, accepting: None, outgoing: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Bind,
    Connect,
    Listen,
}

#[async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {
        if self.tcp.is_connecting() {
            // What came of it is asked for afterwards.
            let _ = poll_fn(|cx| self.tcp.poll_connect(cx)).await;
        } else if let Some(accepting) = &mut self.accepting {
            poll_fn(|cx| accepting.poll_ready(cx)).await;
        }
    }
}

impl SocketsView<'_> {
    fn socket(&mut self, this: &Resource<TcpSocket>) -> wasmtime::Result<&mut Socket> {
        Ok(self.table.get_mut(&own::<_, Socket>(this))?)
    }

    /// A socket with nothing in progress, for the next operation.
    fn idle(&mut self, this: &Resource<TcpSocket>) -> SocketResult<&mut Socket> {
        let socket = self.table.get_mut(&own::<_, Socket>(this))?;
        if socket.doing.is_some() { Err(ErrorCode::ConcurrencyConflict.into()) } else { Ok(socket) }
    }

    fn finish(&mut self, this: &Resource<TcpSocket>, doing: Doing) -> SocketResult<()> {
        let socket = self.table.get_mut(&own::<_, Socket>(this))?;
        if socket.doing != Some(doing) {
            return Err(ErrorCode::NotInProgress.into());
        }
        socket.doing = None;
        Ok(())
    }

    /// The two directions of a connected socket, counted.
    fn streams(
        &mut self,
        this: &Resource<Socket>,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let socket = self.table.get_mut(this)?;
        let (stream, net) = (socket.tcp.stream()?, socket.tcp.net());
        let outgoing = Outgoing::new(Arc::clone(&stream));
        socket.outgoing = Some(outgoing.clone());
        let patience = net.template().limits().idle_time;
        let input: DynInputStream = Box::new(Reader(stream));
        let output: DynOutputStream = Box::new(Writer::new(outgoing, patience));
        let input: DynInputStream = Box::new(Counted { inner: input, net: Arc::clone(&net) });
        let output: DynOutputStream = Box::new(Counted { inner: output, net });
        Ok((self.table.push_child(input, this)?, self.table.push_child(output, this)?))
    }

    fn option(&mut self, this: &Resource<TcpSocket>, name: Name) -> SocketResult<u64> {
        Ok(self.table.get(&own::<_, Socket>(this))?.tcp.option(name)?)
    }

    fn set_option(&mut self, this: &Resource<TcpSocket>, name: Name, value: u64) -> SocketResult<()> {
        Ok(self.table.get_mut(&own::<_, Socket>(this))?.tcp.set_option(name, value)?)
    }
}

impl network::Host for SocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, error: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<std::io::Error>().map(ErrorCode::from))
    }
}

impl network::HostNetwork for SocketsView<'_> {
    fn drop(&mut self, this: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl tcp_create_socket::Host for SocketsView<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        let tcp = Tcp::new(Arc::clone(&self.net), family.into());
        Ok(own(&self.table.push(Socket::new(tcp))?))
    }
}

impl Host for SocketsView<'_> {}

impl HostTcpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        at: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.idle(&this)?;
        socket.tcp.bind(SocketAddr::from(at))?;
        socket.doing = Some(Doing::Bind);
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.finish(&this, Doing::Bind)
    }

    fn start_connect(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        to: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.idle(&this)?;
        socket.tcp.connect(SocketAddr::from(to))?;
        socket.doing = Some(Doing::Connect);
        Ok(())
    }

    fn finish_connect(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let this = own::<_, Socket>(&this);
        let socket = self.table.get_mut(&this)?;
        if socket.doing != Some(Doing::Connect) {
            return Err(ErrorCode::NotInProgress.into());
        }
        let Poll::Ready(connected) = socket.tcp.poll_connect(&mut Context::from_waker(Waker::noop())) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        socket.doing = None;
        connected?;
        self.streams(&this)
    }

    async fn start_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        let socket = self.idle(&this)?;
        if !socket.tcp.is_bound() {
            return Err(ErrorCode::InvalidState.into());
        }
        socket.tcp.listen().await?;
        socket.accepting = socket.tcp.accepting();
        socket.doing = Some(Doing::Listen);
        Ok(())
    }

    fn finish_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.finish(&this, Doing::Listen)
    }

    fn accept(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let socket = self.table.get_mut(&own::<_, Socket>(&this))?;
        let accepting = socket.accepting.as_mut().ok_or(ErrorCode::InvalidState)?;
        let Poll::Ready(tcp) = accepting.poll_accept(&mut Context::from_waker(Waker::noop())) else {
            return Err(ErrorCode::WouldBlock.into());
        };
        let accepted = self.table.push(Socket::new(tcp?))?;
        let (input, output) = self.streams(&accepted)?;
        Ok((own(&accepted), input, output))
    }

    fn local_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.tcp.local_address()?.into())
    }

    fn remote_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.tcp.remote_address()?.into())
    }

    fn is_listening(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        Ok(self.socket(&this)?.tcp.is_listening())
    }

    fn address_family(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.socket(&this)?.tcp.family.into())
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.table.get_mut(&own::<_, Socket>(&this))?.tcp.set_backlog(value)?)
    }

    fn keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> SocketResult<bool> {
        Ok(self.option(&this, Name::KeepAlive)? != 0)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpSocket>, value: bool) -> SocketResult<()> {
        self.set_option(&this, Name::KeepAlive, value.into())
    }

    fn keep_alive_idle_time(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option(&this, Name::KeepAliveIdle)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option(&this, Name::KeepAliveIdle, value)
    }

    fn keep_alive_interval(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option(&this, Name::KeepAliveInterval)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option(&this, Name::KeepAliveInterval, value)
    }

    fn keep_alive_count(&mut self, this: Resource<TcpSocket>) -> SocketResult<u32> {
        Ok(u32::try_from(self.option(&this, Name::KeepAliveCount)?).unwrap_or(u32::MAX))
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpSocket>, value: u32) -> SocketResult<()> {
        self.set_option(&this, Name::KeepAliveCount, value.into())
    }

    fn hop_limit(&mut self, this: Resource<TcpSocket>) -> SocketResult<u8> {
        Ok(u8::try_from(self.option(&this, Name::HopLimit)?).unwrap_or(u8::MAX))
    }

    fn set_hop_limit(&mut self, this: Resource<TcpSocket>, value: u8) -> SocketResult<()> {
        self.set_option(&this, Name::HopLimit, value.into())
    }

    fn receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option(&this, Name::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option(&this, Name::ReceiveBuffer, value)
    }

    fn send_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option(&this, Name::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option(&this, Name::SendBuffer, value)
    }

    fn subscribe(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, own::<_, Socket>(&this))
    }

    fn shutdown(&mut self, this: Resource<TcpSocket>, how: ShutdownType) -> SocketResult<()> {
        let socket = self.table.get(&own::<_, Socket>(&this))?;
        let stream = socket.tcp.stream()?;
        if let ShutdownType::Receive | ShutdownType::Both = how {
            end(&stream, Shutdown::Read);
        }
        if let (ShutdownType::Send | ShutdownType::Both, Some(outgoing)) = (how, &socket.outgoing) {
            outgoing.end();
        }
        Ok(())
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.table.delete(own::<_, Socket>(&this))?;
        Ok(())
    }
}

impl From<IpAddressFamily> for Family {
    fn from(family: IpAddressFamily) -> Family {
        match family {
            IpAddressFamily::Ipv4 => Family::V4,
            IpAddressFamily::Ipv6 => Family::V6,
        }
    }
}

impl From<Family> for IpAddressFamily {
    fn from(family: Family) -> IpAddressFamily {
        match family {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        }
    }
}
