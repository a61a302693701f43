//! A store over HTTP with the generated bindings alone, as `http-bare` is for hello: `/STORE/KEY` is read by GET and
//! written by PUT.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

mod bindings {
    wit_bindgen::generate!({ world: "http-kv-bare", generate_all });
}

use bindings::wasi::keyvalue::store::{self, Error};

struct KvBare;

wasip2::http::proxy::export!(KvBare);

impl Guest for KvBare {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let (status, bytes) = match act(&request) {
            Ok(Some(value)) => (200, value),
            Ok(None) => (404, Vec::new()),
            Err(error) => (500, format!("{error:?}\n").into_bytes()),
        };
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(status).expect("a status of HTTP");
        let body = response.body().expect("a new response has its body");
        ResponseOutparam::set(answer, Ok(response));
        let out = body.write().expect("a new body has its stream");
        out.blocking_write_and_flush(&bytes).expect("the client takes it");
        drop(out);
        OutgoingBody::finish(body, None).expect("the body is whole");
    }
}

fn act(request: &IncomingRequest) -> Result<Option<Vec<u8>>, Error> {
    let path = request.path_with_query().unwrap_or_default();
    let Some((store, key)) = path.trim_start_matches('/').split_once('/') else { return Ok(None) };
    let bucket = store::open(store)?;
    match request.method() {
        Method::Put => bucket.set(key, &sent(request)).map(|()| Some(Vec::new())),
        _ => bucket.get(key),
    }
}

fn sent(request: &IncomingRequest) -> Vec<u8> {
    let body = request.consume().expect("a new request has its body");
    let stream = body.stream().expect("a new body has its stream");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return bytes,
        }
    }
}
