//! TCP sockets of `wasi:sockets` 0.3.

use std::future::poll_fn;
use std::iter;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use wasmtime::component::{
    Access, Accessor, Destination, FutureReader, Resource, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{
    Duration, ErrorCode, Host, HostTcpSocket, HostTcpSocketWithStore, IpAddressFamily, IpSocketAddress,
    TcpSocket,
};
use wasmtime_wasi::p3::sockets::{SocketError, SocketResult};

use super::options::Name;
use super::streams::end;
use super::tcp::{Accepting, Tcp};
use super::{Family, HasSockets, SocketsView, own};
use crate::egress::InstanceNet;
use crate::sockets::metered::ASKED;

/// The most that is received at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// A socket, and which of its directions the guest has taken.
struct Socket {
    tcp: Tcp,
    is_sending: bool,
    is_receiving: bool,
}

impl Socket {
    fn new(tcp: Tcp) -> Socket {
        Socket { tcp, is_sending: false, is_receiving: false }
    }
}

/// One direction of a connection; what came of it is told at its end.
struct Direction {
    stream: Arc<TcpStream>,
    net: Arc<InstanceNet>,
    how: Shutdown,
    told: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl Direction {
    fn tell(&mut self, result: Result<(), ErrorCode>) -> StreamResult {
        if let Some(told) = self.told.take() {
            // The guest may not want to know.
            let _ = told.send(result);
        }
        StreamResult::Dropped
    }

    fn spend(&self, bytes: usize) -> Result<(), ErrorCode> {
        self.net.spend_bytes(bytes, ASKED).map_err(|_| ErrorCode::AccessDenied)
    }
}

impl Drop for Direction {
    fn drop(&mut self) {
        self.tell(Ok(()));
        end(&self.stream, self.how);
    }
}

struct Receive(Direction);

impl<D> StreamProducer<D> for Receive {
    type Item = u8;
    type Buffer = BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        destination: Destination<'a, u8, BytesMut>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let stream = Arc::clone(&self.0.stream);
        let is_question = destination.remaining(store.as_context_mut()) == Some(0);
        let mut destination = destination.as_direct(store, CHUNK_BYTES_MAX);
        loop {
            let is_ready = match stream.poll_read_ready(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                ready => ready!(ready),
            };
            if is_question {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            match is_ready.and_then(|()| stream.try_read(destination.remaining())) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Ok(self.0.tell(Err(error.into())))),
                Ok(0) => return Poll::Ready(Ok(self.0.tell(Ok(())))),
                Ok(read) => {
                    if let Err(code) = self.0.spend(read) {
                        return Poll::Ready(Ok(self.0.tell(Err(code))));
                    }
                    destination.mark_written(read);
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
            }
        }
    }
}

struct Send(Direction);

impl<D> StreamConsumer<D> for Send {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<D>,
        source: Source<u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let stream = Arc::clone(&self.0.stream);
        let mut source = source.as_direct(store);
        loop {
            let is_ready = match stream.poll_write_ready(cx) {
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                ready => ready!(ready),
            };
            if source.remaining().is_empty() {
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            match is_ready.and_then(|()| stream.try_write(source.remaining())) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Ok(self.0.tell(Err(error.into())))),
                Ok(sent) => {
                    if let Err(code) = self.0.spend(sent) {
                        return Poll::Ready(Ok(self.0.tell(Err(code))));
                    }
                    source.mark_read(sent);
                    return Poll::Ready(Ok(StreamResult::Completed));
                }
            }
        }
    }
}

struct Accept<T: 'static> {
    accepting: Accepting,
    view: for<'a> fn(&'a mut T) -> SocketsView<'a>,
}

impl<T> StreamProducer<T> for Accept<T> {
    type Item = Resource<TcpSocket>;
    type Buffer = Option<Resource<TcpSocket>>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.accepting.poll_ready(cx) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            ready => ready!(ready),
        }
        if destination.remaining(&mut store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        // A connection that was lost before it was taken is none.
        if let Ok(tcp) = ready!(self.accepting.poll_accept(cx)) {
            let socket = (self.view)(store.data_mut()).table.push(Socket::new(tcp))?;
            destination.set_buffer(Some(own(&socket)));
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl SocketsView<'_> {
    fn tcp3(&mut self, this: &Resource<TcpSocket>) -> SocketResult<&mut Socket> {
        self.table.get_mut(&own::<_, Socket>(this)).map_err(SocketError::trap)
    }

    fn option3(&mut self, this: &Resource<TcpSocket>, name: Name) -> SocketResult<u64> {
        Ok(self.tcp3(this)?.tcp.option(name)?)
    }

    fn set_option3(&mut self, this: &Resource<TcpSocket>, name: Name, value: u64) -> SocketResult<()> {
        Ok(self.tcp3(this)?.tcp.set_option(name, value)?)
    }
}

type Told = oneshot::Receiver<Result<(), ErrorCode>>;

/// A direction of a connected socket, if the guest has not taken it yet.
fn direction(socket: &mut Socket, how: Shutdown) -> Result<(Direction, Told), ErrorCode> {
    let stream = socket.tcp.stream()?;
    let taken = match how {
        Shutdown::Write => &mut socket.is_sending,
        _ => &mut socket.is_receiving,
    };
    if std::mem::replace(taken, true) {
        return Err(ErrorCode::InvalidState);
    }
    let (told, result) = oneshot::channel();
    Ok((Direction { stream, net: socket.tcp.net(), how, told: Some(told) }, result))
}

impl<T: std::marker::Send> HostTcpSocketWithStore<T> for HasSockets {
    async fn connect(
        store: &Accessor<T, Self>,
        this: Resource<TcpSocket>,
        to: IpSocketAddress,
    ) -> SocketResult<()> {
        store.with(|mut store| {
            SocketResult::Ok(store.get().tcp3(&this)?.tcp.connect(SocketAddr::from(to))?)
        })?;
        poll_fn(|cx| {
            store.with(|mut store| {
                let mut view = store.get();
                let socket = view.tcp3(&this)?;
                socket.tcp.poll_connect(cx).map_err(SocketError::from)
            })
        })
        .await
    }

    async fn listen(
        mut store: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
    ) -> SocketResult<StreamReader<Resource<TcpSocket>>> {
        let view = store.getter();
        let mut sockets = store.get();
        let socket = sockets.tcp3(&this)?;
        socket.tcp.listen().await?;
        let accepting = socket.tcp.accepting().ok_or(ErrorCode::InvalidState)?;
        drop(sockets);
        StreamReader::new(&mut store, Accept { accepting, view }).map_err(SocketError::trap)
    }

    fn send(
        mut store: Access<'_, T, Self>,
        this: Resource<TcpSocket>,
        mut data: StreamReader<u8>,
    ) -> wasmtime::Result<FutureReader<Result<(), ErrorCode>>> {
        let taken = direction(store.get().table.get_mut(&own::<_, Socket>(&this))?, Shutdown::Write);
        match taken {
            Ok((direction, result)) => {
                data.pipe(&mut store, Send(direction))?;
                FutureReader::new(&mut store, result)
            }
            Err(code) => {
                data.close(&mut store)?;
                FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(code)) })
            }
        }
    }

    fn receive(
        mut store: Access<T, Self>,
        this: Resource<TcpSocket>,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<Result<(), ErrorCode>>)> {
        let taken = direction(store.get().table.get_mut(&own::<_, Socket>(&this))?, Shutdown::Read);
        match taken {
            Ok((direction, result)) => Ok((
                StreamReader::new(&mut store, Receive(direction))?,
                FutureReader::new(&mut store, result)?,
            )),
            Err(code) => Ok((
                StreamReader::new(&mut store, iter::empty())?,
                FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(code)) })?,
            )),
        }
    }
}

impl Host for SocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl HostTcpSocket for SocketsView<'_> {
    async fn bind(&mut self, this: Resource<TcpSocket>, at: IpSocketAddress) -> SocketResult<()> {
        Ok(self.tcp3(&this)?.tcp.bind(at.into())?)
    }

    fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        let tcp = Tcp::new(Arc::clone(&self.net), family.into());
        let socket = self.table.push(Socket::new(tcp)).map_err(SocketError::trap)?;
        Ok(own(&socket))
    }

    fn get_local_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.tcp3(&this)?.tcp.local_address()?.into())
    }

    fn get_remote_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.tcp3(&this)?.tcp.remote_address()?.into())
    }

    fn get_is_listening(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.tcp.is_listening())
    }

    fn get_address_family(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(self.table.get(&own::<_, Socket>(&this))?.tcp.family.into())
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        Ok(self.tcp3(&this)?.tcp.set_backlog(value)?)
    }

    fn get_keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> SocketResult<bool> {
        Ok(self.option3(&this, Name::KeepAlive)? != 0)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpSocket>, value: bool) -> SocketResult<()> {
        self.set_option3(&this, Name::KeepAlive, value.into())
    }

    fn get_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>) -> SocketResult<Duration> {
        self.option3(&this, Name::KeepAliveIdle)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>, value: Duration) -> SocketResult<()> {
        self.set_option3(&this, Name::KeepAliveIdle, value)
    }

    fn get_keep_alive_interval(&mut self, this: Resource<TcpSocket>) -> SocketResult<Duration> {
        self.option3(&this, Name::KeepAliveInterval)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpSocket>, value: Duration) -> SocketResult<()> {
        self.set_option3(&this, Name::KeepAliveInterval, value)
    }

    fn get_keep_alive_count(&mut self, this: Resource<TcpSocket>) -> SocketResult<u32> {
        Ok(u32::try_from(self.option3(&this, Name::KeepAliveCount)?).unwrap_or(u32::MAX))
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpSocket>, value: u32) -> SocketResult<()> {
        self.set_option3(&this, Name::KeepAliveCount, value.into())
    }

    fn get_hop_limit(&mut self, this: Resource<TcpSocket>) -> SocketResult<u8> {
        Ok(u8::try_from(self.option3(&this, Name::HopLimit)?).unwrap_or(u8::MAX))
    }

    fn set_hop_limit(&mut self, this: Resource<TcpSocket>, value: u8) -> SocketResult<()> {
        self.set_option3(&this, Name::HopLimit, value.into())
    }

    fn get_receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option3(&this, Name::ReceiveBuffer)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option3(&this, Name::ReceiveBuffer, value)
    }

    fn get_send_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        self.option3(&this, Name::SendBuffer)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.set_option3(&this, Name::SendBuffer, value)
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
