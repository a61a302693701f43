//! What `wasi:http` 0.2 and 0.3 ask of their embedder.

use std::sync::Arc;

use http::HeaderName;
use http::header::{HOST, TE};
use tombolo_spec::fields::is_hop_by_hop;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode as CodeP2;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode as CodeP3;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::client;
use crate::egress::InstanceNet;
use crate::ledger::{TRACEPARENT, attributed, current};
use crate::template::Template;

/// The most that one write of a body takes over from a guest, in bytes.
const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// Sends a guest's requests.
pub(crate) struct Hooks {
    template: Arc<Template>,
    net: Option<Arc<InstanceNet>>,
}

impl Hooks {
    pub(crate) fn new(template: Arc<Template>) -> Hooks {
        Hooks { template, net: None }
    }

    /// The guest's network, made with its first use.
    pub(crate) fn net(&mut self) -> Arc<InstanceNet> {
        let made = || Arc::new(InstanceNet::new(Arc::clone(&self.template)));
        Arc::clone(self.net.get_or_insert_with(made))
    }
}

/// Fields of one connection, and the host, which is the authority of the URL that was checked. `te` a guest may say:
/// clients of gRPC have to.
fn is_of_the_connection(name: &HeaderName) -> bool {
    *name == HOST || *name != TE && is_hop_by_hop(name.as_str())
}

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    /// The host header is written from the URL that was checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _consumed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let net = self.net();
        let caller = current();
        if let Some(caller) = caller {
            // A guest that traces says so itself.
            request.headers_mut().entry(TRACEPARENT).or_insert_with(|| caller.traceparent());
        }
        Box::new(attributed(caller, async move {
            let response = client::send(net, request, options.unwrap_or_default()).await?;
            let driver: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
            Ok((response, driver))
        }))
    }

    /// The connections are ours: neither a client's fields for its connection reach a guest, nor a guest's ours.
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        is_of_the_connection(name)
    }

    fn forbidden_header_filter(&mut self) -> Arc<dyn Fn(&HeaderName) -> bool + Send + Sync> {
        Arc::new(is_of_the_connection)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
    }

    fn p2_error_from_connect(&mut self, _error: &std::io::Error) -> CodeP2 {
        CodeP2::DestinationUnavailable
    }

    fn p3_error_from_connect(&mut self, _error: &std::io::Error) -> CodeP3 {
        CodeP3::DestinationUnavailable
    }
}
