//! `wasi:sockets/ip-name-lookup` 0.2, put together by hand: wasmtime-wasi's own cannot be given answers.

use std::collections::VecDeque;
use std::net::IpAddr;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, subscribe};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi::{async_trait, runtime};
use wasmtime_wasi_io::IoView;

use super::policy::{self, Failed};
use crate::guest::Guest;
use crate::ledger::{attributed, current};

/// Any 0.2 version in a guest's import is served by this one.
const INTERFACE: &str = "wasi:sockets/ip-name-lookup@0.2.12";

type Answer = Result<VecDeque<IpAddr>, ErrorCode>;

/// A lookup under way, then what is left of its answer.
enum Stream {
    Waiting(AbortOnDropJoinHandle<Answer>),
    Ready(Answer),
}

#[async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        if let Stream::Waiting(lookup) = self {
            let answer = lookup.await;
            *self = Stream::Ready(answer);
        }
    }
}

/// Adds the interface to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(INTERFACE)?;
    let stream = ResourceType::host::<Stream>();
    interface.resource("resolve-address-stream", stream, |mut store, rep| {
        store.data_mut().table().delete(Resource::<Stream>::new_own(rep))?;
        Ok(())
    })?;
    interface.func_wrap("resolve-addresses", resolve)?;
    interface.func_wrap("[method]resolve-address-stream.resolve-next-address", next)?;
    interface.func_wrap("[method]resolve-address-stream.subscribe", ready)?;
    Ok(())
}

type Resolved = Result<Resource<Stream>, ErrorCode>;

fn resolve(
    mut store: StoreContextMut<'_, Guest>,
    (network, name): (Resource<Network>, String),
) -> wasmtime::Result<(Resolved,)> {
    let guest = store.data_mut();
    guest.table().get(&network)?;
    let net = guest.net();
    let lookup = runtime::spawn(attributed(current(), async move {
        match policy::lookup(&net, &name).await {
            Ok(addresses) => Ok(addresses.into()),
            Err(failed) => Err(code(&failed)),
        }
    }));
    Ok((Ok(guest.table().push(Stream::Waiting(lookup))?),))
}

type Next = Result<Option<IpAddress>, ErrorCode>;

fn next(mut store: StoreContextMut<'_, Guest>, (stream,): (Resource<Stream>,)) -> wasmtime::Result<(Next,)> {
    let stream = store.data_mut().table().get_mut(&stream)?;
    Ok((match stream {
        Stream::Waiting(_) => Err(ErrorCode::WouldBlock),
        Stream::Ready(Err(code)) => Err(*code),
        Stream::Ready(Ok(addresses)) => Ok(addresses.pop_front().map(IpAddress::from)),
    },))
}

fn ready(
    mut store: StoreContextMut<'_, Guest>,
    (stream,): (Resource<Stream>,),
) -> wasmtime::Result<(Resource<DynPollable>,)> {
    Ok((subscribe(store.data_mut().table(), stream)?,))
}

fn code(failed: &Failed) -> ErrorCode {
    match failed {
        Failed::Invalid => ErrorCode::InvalidArgument,
        Failed::Denied => ErrorCode::AccessDenied,
        Failed::NotFound => ErrorCode::NameUnresolvable,
        Failed::Temporary => ErrorCode::TemporaryResolverFailure,
    }
}
