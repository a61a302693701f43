//! `wasi:sockets/ip-name-lookup` 0.3.

use wasmtime::component::{Accessor, HasData};
use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup::{ErrorCode, Host, HostWithStore};
use wasmtime_wasi::p3::bindings::sockets::types::IpAddress;

use super::policy::{self, Failed};
use crate::guest::Guest;

/// Names a guest's lookups to the linker.
pub(crate) struct HasDns;

impl HasData for HasDns {
    type Data<'a> = DnsView<'a>;
}

/// A guest that looks names up.
pub(crate) struct DnsView<'a>(pub(crate) &'a mut Guest);

impl Host for DnsView<'_> {}

impl HostWithStore<Guest> for HasDns {
    async fn resolve_addresses(
        store: &Accessor<Guest, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Vec<IpAddress>, ErrorCode>> {
        let net = store.with(|mut store| store.get().0.net());
        Ok(match policy::lookup(&net, &name).await {
            Ok(addresses) => Ok(addresses.into_iter().map(IpAddress::from).collect()),
            Err(failed) => Err(code(&failed)),
        })
    }
}

fn code(failed: &Failed) -> ErrorCode {
    match failed {
        Failed::Invalid => ErrorCode::InvalidArgument,
        Failed::Denied => ErrorCode::AccessDenied,
        Failed::NotFound => ErrorCode::NameUnresolvable,
        Failed::Temporary => ErrorCode::TemporaryResolverFailure,
    }
}
