//! The smallest answer to a request with the generated bindings alone: no async runtime, nothing imported that the
//! standard library does not ask for.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Bare;

wasip2::http::proxy::export!(Bare);

impl Guest for Bare {
    fn handle(_request: IncomingRequest, answer: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("a new response has its body");
        ResponseOutparam::set(answer, Ok(response));
        let out = body.write().expect("a new body has its stream");
        out.blocking_write_and_flush(b"Hello, world!\n").expect("the client takes it");
        drop(out);
        OutgoingBody::finish(body, None).expect("the body is whole");
    }
}
