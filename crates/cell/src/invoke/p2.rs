//! Calls `wasi:http/incoming-handler@0.2`.

use std::sync::Arc;

use http::Request;
use tombolo_engine::{Calls, HasBudget, classify};
use tombolo_host::Guest;
use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::head::{Head, Slot};
use super::running::{Ended, Running};
use super::{Setting, exit_code};
use crate::request_body::RequestBody;
use crate::turns;
use crate::worker::bury;

/// Calls a fresh instance of `pre` with `request`.
pub(super) fn call(
    setting: Setting,
    pre: ProxyPre<Guest>,
    request: Request<RequestBody>,
) -> wasmtime::Result<Running> {
    let scheme = if setting.is_tls { Scheme::Https } else { Scheme::Http };
    let body_too_large = request.body().too_large();
    let started = setting.starts();
    let mut store = Store::new(pre.engine(), setting.guest);
    tombolo_engine::arm(&mut store, Calls::InTurns(turns::turn));

    let slot = Arc::new(Slot::default());
    let answer = Arc::clone(&slot);
    let mut host = store.data_mut().http();
    let request = host.new_incoming_request(scheme, request)?;
    let out = host.new_response_outparam_from_callback(move |response| {
        answer.set(response.map_err(|code| format!("it answered with the error {code:?}")));
    })?;

    let guest = async move {
        let called = async {
            let proxy = pre.instantiate_async(&mut store).await?;
            started();
            proxy.wasi_http_incoming_handler().call_handle(&mut store, request, out).await
        };
        let ended: Ended =
            called.await.map_err(|error| classify(&error, exit_code, store.data_mut().budget()));
        bury(store);
        ended
    };
    Ok(Running::new(
        guest,
        Head::Slot(slot),
        (setting.pass, setting.ticks),
        body_too_large,
        setting.limits,
        setting.account,
    ))
}
