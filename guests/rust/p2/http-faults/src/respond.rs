//! Responses, written step by step.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasip2::io::streams::{OutputStream, StreamError};

const PIECE_BYTES: usize = 4096;

/// The head of a response. A header that the host refuses is named in the header `x-refused` instead.
pub struct Answer {
    status: u16,
    fields: Fields,
}

/// A response whose head has gone out.
pub struct Begun {
    // Declared before the body: a stream must be dropped before what it writes to.
    stream: OutputStream,
    body: OutgoingBody,
}

/// Answers 200 with a text.
pub fn text(out: ResponseOutparam, text: &str) {
    Answer::new(200).begin(out).write(text.as_bytes()).finish();
}

/// Sends the request's body back.
pub fn echo(out: ResponseOutparam, request: &IncomingRequest) {
    let begun = Answer::new(200).begin(out);
    if let Ok(body) = request.consume() {
        if let Ok(input) = body.stream() {
            while begun.stream.blocking_splice(&input, PIECE_BYTES as u64).is_ok() {}
        }
    }
    begun.finish();
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, fields: Fields::new() }
    }

    pub fn header(self, name: &str, value: &[u8]) -> Self {
        if let Err(problem) = self.fields.append(name, value) {
            let refused = format!("{problem:?}");
            // Nothing is left to try when even this is refused: the test then misses the header.
            let _ = self.fields.append("x-refused", refused.as_bytes());
        }
        self
    }

    pub fn begin(self, out: ResponseOutparam) -> Begun {
        let response = OutgoingResponse::new(self.fields);
        if response.set_status_code(self.status).is_err() {
            response.set_status_code(599).expect("599 is a status");
        }
        let body = response.body().expect("taken once");
        ResponseOutparam::set(out, Ok(response));
        Begun { stream: body.write().expect("taken once"), body }
    }
}

impl Begun {
    pub fn write(self, bytes: &[u8]) -> Self {
        // The client or a limit may end the response at any byte: that is not this program's fault.
        let _ = self.send(bytes);
        self
    }

    /// Writes so many bytes, as long as somebody takes them.
    pub fn fill(self, bytes: u64) -> Self {
        let piece = [b'x'; PIECE_BYTES];
        let mut left = bytes;
        while left > 0 {
            let now = left.min(PIECE_BYTES as u64);
            if self.send(&piece[..now as usize]).is_err() {
                break;
            }
            left -= now;
        }
        self
    }

    pub fn finish(self) {
        self.end(None);
    }

    pub fn finish_with_trailer(self, name: &str, value: &[u8]) {
        let trailers = Fields::new();
        trailers.append(name, value).expect("a legal trailer");
        self.end(Some(trailers));
    }

    pub fn wait_forever(self) {
        loop {
            subscribe_duration(u64::MAX / 2).block();
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<(), StreamError> {
        bytes.chunks(PIECE_BYTES).try_for_each(|piece| self.stream.blocking_write_and_flush(piece))
    }

    fn end(self, trailers: Option<Fields>) {
        drop(self.stream);
        if let Err(problem) = OutgoingBody::finish(self.body, trailers) {
            eprintln!("finish: {problem:?}");
        }
    }
}
