//! Sends a guest's answer on: checks the head, gathers what is there of the body, and streams the rest.

mod check;
mod gather;
mod stream;

use std::collections::VecDeque;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, Method, Response};

pub(crate) use check::size_bytes;
pub(crate) use stream::GuestBody;

use crate::body::Body;
use crate::invoke::{Answer, Frames, Running, refusal};
use crate::observe::Call;
use crate::refusal::Refusal;

/// The answer as it leaves, and the end of the request's record, now or with the last byte.
pub(crate) async fn respond(mut call: Call, answer: Answer) -> Response<Body> {
    match prepare(&call, answer).await {
        Ok(Ok(response)) => {
            call.answered(response.status());
            response
        }
        Ok(Err(streaming)) => {
            call.answered(streaming.parts.status);
            let Streaming { parts, gathered, frames, running, left_bytes, expected_bytes } = streaming;
            let body = GuestBody::new(gathered, frames, running, left_bytes, expected_bytes, call);
            Response::from_parts(parts, Body::Guest(Box::new(body)))
        }
        Err(refusal) => refuse(call, refusal),
    }
}

/// Our answer in place of the guest's.
pub(crate) fn refuse(mut call: Call, refusal: Refusal) -> Response<Body> {
    let response = refusal.response(&call.id());
    call.refused(refusal);
    response
}

/// A response that is not whole yet.
struct Streaming {
    parts: http::response::Parts,
    gathered: VecDeque<Bytes>,
    frames: Frames,
    running: Running,
    /// Bytes that the body may still have.
    left_bytes: u64,
    /// Bytes that the body must still have, if its length was announced.
    expected_bytes: Option<u64>,
}

async fn prepare(call: &Call, answer: Answer) -> Result<Result<Response<Body>, Streaming>, Refusal> {
    let Answer { response, mut running, function } = answer;
    let limits = &function.limits;
    let (mut parts, mut frames) = response.into_parts();
    let announced = check::head(&mut parts, limits.headers_bytes).map_err(Refusal::GuestBrokeHttp)?;
    let has_body = call.method() != Method::HEAD && !check::has_no_body(parts.status);
    if announced.is_some_and(|bytes| bytes > limits.response_body_bytes) {
        return Err(too_large(limits.response_body_bytes));
    }
    let gathered = gather::gather(&mut frames, &mut running).await;
    if gathered.bytes > limits.response_body_bytes {
        return Err(too_large(limits.response_body_bytes));
    }
    match gathered.end {
        gather::End::Reached => {
            if has_body && announced.is_some_and(|bytes| bytes != gathered.bytes) {
                return Err(Refusal::GuestBrokeHttp(
                    "its body is not as long as its Content-Length says".into(),
                ));
            }
            let trailers = gathered.trailers.map(filtered);
            announce(&mut parts.headers, trailers.as_ref());
            if call.method() == Method::HEAD && announced.is_none() && !check::has_no_body(parts.status) {
                // What a GET would have (RFC 9110, section 9.3.2).
                parts.headers.insert(CONTENT_LENGTH, gathered.bytes.into());
            }
            finish(running, call);
            let body =
                if has_body { Body::whole(gathered.chunks, trailers) } else { Body::full(Bytes::new()) };
            Ok(Ok(Response::from_parts(parts, body)))
        }
        gather::End::Failed(why) => Err(match running.into_fault() {
            Some(fault) => refusal(fault),
            None => Refusal::GuestBrokeHttp(why),
        }),
        gather::End::Open => Ok(Err(Streaming {
            parts,
            left_bytes: limits.response_body_bytes - gathered.bytes,
            expected_bytes: announced.filter(|_| has_body).map(|bytes| bytes.saturating_sub(gathered.bytes)),
            gathered: gathered.chunks,
            frames,
            running,
        })),
    }
}

/// A guest that works on after its answer is complete does so on its own.
fn finish(running: Running, call: &Call) {
    if let Some(fault) = running.fault() {
        call.noticed(format!("after its answer: {}", refusal(fault.clone())));
    }
    if let Some(rest) = running.rest() {
        tokio::task::spawn_local(rest.finish());
    }
}

fn too_large(limit_bytes: u64) -> Refusal {
    Refusal::LimitHit(format!("response-body={limit_bytes}B"))
}

/// The fields that follow the body: a client of HTTP/1.1 gets only those that were announced.
fn announce(headers: &mut HeaderMap, trailers: Option<&HeaderMap>) {
    if let Some(trailers) = trailers {
        headers.remove(TRAILER);
        for name in trailers.keys() {
            headers.append(TRAILER, name.clone().into());
        }
    }
}

fn filtered(mut trailers: HeaderMap) -> HeaderMap {
    check::trailers(&mut trailers);
    trailers
}
