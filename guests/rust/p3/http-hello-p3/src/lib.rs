//! The smallest useful answer to a request, over `wasi:http` 0.3.

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(_request: Request) -> Result<Response, ErrorCode> {
        let (mut body, body_end) = wit_stream::new();
        let (trailers, trailers_end) = wit_future::new(|| Ok(None));
        let (response, _sent) = Response::new(Fields::new(), Some(body_end), trailers_end);
        drop(trailers);
        wit_bindgen::spawn_local(async move {
            // What is left over when the client has gone away is nobody's any more.
            body.write_all(b"Hello, world!\n".to_vec()).await;
        });
        Ok(response)
    }
}
