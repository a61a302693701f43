//! Calls `wasi:http/handler@0.3`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use tombolo_engine::{Calls, HasBudget, classify};
use tombolo_host::Guest;
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::head::{Head, Slot};
use super::running::{Ended, Running};
use super::{Setting, exit_code};
use crate::request_body::RequestBody;
use crate::turns;
use crate::worker::bury;

/// Calls a fresh instance of `pre` with `request`.
pub(super) fn call(setting: Setting, pre: ServicePre<Guest>, request: Request<RequestBody>) -> Running {
    let body_too_large = request.body().too_large();
    let started = setting.starts();
    let mut store = Store::new(pre.engine(), setting.guest);
    tombolo_engine::arm(&mut store, Calls::InTurns(turns::turn));

    let slot = Arc::new(Slot::default());
    let answer = Arc::clone(&slot);
    let guest = async move {
        let called = async {
            let service = pre.instantiate_async(&mut store).await?;
            started();
            store.run_concurrent(async |accessor| handle(accessor, &service, request, &answer).await).await?
        };
        let ended: Ended =
            called.await.map_err(|error| classify(&error, exit_code, store.data_mut().budget()));
        bury(store);
        ended
    };
    Running::new(
        guest,
        Head::Slot(slot),
        (setting.pass, setting.ticks),
        body_too_large,
        setting.limits,
        setting.account,
    )
}

/// Tells the guest what became of the request's body.
type Sent = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Hands the answer over as soon as the guest returns it, and stays until its last task has ended: the body is
/// written by a task of the guest.
async fn handle(
    accessor: &Accessor<Guest>,
    service: &Service,
    request: Request<RequestBody>,
    answer: &Slot,
) -> wasmtime::Result<()> {
    let (request, sent): (_, Sent) = accessor.with(|mut access| {
        let (request, sent) = p3::Request::from_http(access.get().http().hooks, request);
        (request, Box::pin(sent) as Sent)
    });
    match service.handle(accessor, request).await? {
        Ok(response) => answer.set(Ok(accessor.with(|store| response.into_http(store, sent))?)),
        Err(code) => answer.set(Err(format!("it answered with the error {code:?}"))),
    }
    poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
    Ok(())
}
