//! Outbound HTTP.

use std::sync::Arc;

use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::ledger::Reason;
use crate::template::Template;

/// What `wasi:http` asks of its embedder.
pub(crate) struct Hooks {
    template: Arc<Template>,
}

impl Hooks {
    pub(crate) fn new(template: Arc<Template>) -> Hooks {
        Hooks { template }
    }
}

type Sent = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _done: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let asked = format!("http {} {}", request.method(), request.uri());
        let remedy = asked.clone();
        self.template.ledger().refused(&asked, None, Reason::NoGrant { remedy });
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
