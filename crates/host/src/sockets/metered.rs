//! Counts what sockets of WASI 0.2 transfer against `outbound-bytes`.
//!
//! wasmtime-wasi makes the streams of a connection; each is wrapped where it comes out. Datagrams are counted as
//! they are handed over. Sockets of 0.3 are checked like these but not counted: their streams are wired up inside
//! wasmtime-wasi.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::bindings::sockets::tcp::{HostTcpSocket as _, TcpSocket};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    HostIncomingDatagramStream as _, HostOutgoingDatagramStream as _, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, SocketResult, StreamError,
    StreamResult,
};
use wasmtime_wasi_io::IoView;

use crate::egress::InstanceNet;
use crate::guest::Guest;

/// What a transfer is called in a refusal.
pub(super) const ASKED: &str = "more bytes over sockets";

type Store<'a> = StoreContextMut<'a, Guest>;
type Said<T> = (Result<T, ErrorCode>,);
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);
type Accepted = (Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>);

/// Puts the counting functions in the place of those that the linker has.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut tcp = linker.instance("wasi:sockets/tcp@0.2.12")?;
    tcp.func_wrap("[method]tcp-socket.finish-connect", finish_connect)?;
    tcp.func_wrap("[method]tcp-socket.accept", accept)?;
    let mut udp = linker.instance("wasi:sockets/udp@0.2.12")?;
    udp.func_wrap("[method]incoming-datagram-stream.receive", receive)?;
    udp.func_wrap("[method]outgoing-datagram-stream.send", send)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn finish_connect(
    mut store: Store<'_>,
    (socket,): (Resource<TcpSocket>,),
) -> wasmtime::Result<Said<Streams>> {
    let guest = store.data_mut();
    let connected = guest.wasi_sockets().finish_connect(socket);
    if let Ok((input, output)) = &connected {
        count(guest, input, output)?;
    }
    said(connected)
}

fn accept(mut store: Store<'_>, (socket,): (Resource<TcpSocket>,)) -> wasmtime::Result<Said<Accepted>> {
    let guest = store.data_mut();
    let accepted = guest.wasi_sockets().accept(socket);
    if let Ok((_, input, output)) = &accepted {
        count(guest, input, output)?;
    }
    said(accepted)
}

fn receive(
    mut store: Store<'_>,
    (stream, max): (Resource<IncomingDatagramStream>, u64),
) -> wasmtime::Result<Said<Vec<IncomingDatagram>>> {
    let guest = store.data_mut();
    let received = guest.wasi_sockets().receive(stream, max);
    if let Ok(datagrams) = &received {
        let bytes = datagrams.iter().map(|datagram| datagram.data.len()).sum();
        if guest.net().spend_bytes(bytes, ASKED).is_err() {
            return Ok((Err(ErrorCode::AccessDenied),));
        }
    }
    said(received)
}

fn send(
    mut store: Store<'_>,
    (stream, datagrams): (Resource<OutgoingDatagramStream>, Vec<OutgoingDatagram>),
) -> wasmtime::Result<Said<u64>> {
    let guest = store.data_mut();
    let bytes = datagrams.iter().map(|datagram| datagram.data.len()).sum();
    if guest.net().spend_bytes(bytes, ASKED).is_err() {
        return Ok((Err(ErrorCode::AccessDenied),));
    }
    said(guest.wasi_sockets().send(stream, datagrams))
}

/// What the guest gets, or the trap.
fn said<T>(result: SocketResult<T>) -> wasmtime::Result<Said<T>> {
    match result {
        Ok(done) => Ok((Ok(done),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Wraps the two streams of a connection where they lie in the guest's table.
fn count(
    guest: &mut Guest,
    input: &Resource<DynInputStream>,
    output: &Resource<DynOutputStream>,
) -> wasmtime::Result<()> {
    let net = guest.net();
    let input = guest.table().get_mut(input)?;
    let inner = std::mem::replace(input, Box::new(wasmtime_wasi::p2::pipe::ClosedInputStream));
    *input = Box::new(Counted { inner, net: Arc::clone(&net) });
    let output = guest.table().get_mut(output)?;
    let inner = std::mem::replace(output, Box::new(wasmtime_wasi::p2::pipe::ClosedOutputStream));
    *output = Box::new(Counted { inner, net });
    Ok(())
}

/// A stream that counts.
pub(super) struct Counted<S> {
    pub(super) inner: S,
    pub(super) net: Arc<InstanceNet>,
}

impl<S> Counted<S> {
    fn spend(&self, bytes: usize) -> StreamResult<()> {
        let spent = self.net.spend_bytes(bytes, ASKED);
        spent.map_err(|over| {
            let text =
                format!("more than {} bytes over the network; the limit is outbound-bytes", over.value);
            StreamError::LastOperationFailed(wasmtime::Error::msg(text))
        })
    }
}

#[async_trait]
impl Pollable for Counted<DynInputStream> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl InputStream for Counted<DynInputStream> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.spend(bytes.len())?;
        Ok(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Counted<DynOutputStream> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl OutputStream for Counted<DynOutputStream> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.spend(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
