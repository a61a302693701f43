//! On whose behalf the thread works: so that a refusal can name the request that it came up in, and requests to others
//! its trace.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

use http::HeaderValue;
use http::header::HeaderName;

/// The header of W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request that is being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The request's number, which is its span's too.
    pub request: u64,
    /// The trace that it belongs to.
    pub trace: u128,
    /// Whether somebody records the trace.
    pub sampled: bool,
    /// Calls from app to app that led to it.
    pub hops: u8,
}

impl Caller {
    /// The `traceparent` of what is done on behalf of the request (<https://www.w3.org/TR/trace-context/>, level 1).
    pub fn traceparent(&self) -> HeaderValue {
        let mut text = [0; 55];
        text[..3].copy_from_slice(b"00-");
        hex(&self.trace.to_be_bytes(), &mut text[3..35]);
        text[35] = b'-';
        hex(&self.request.to_be_bytes(), &mut text[36..52]);
        text[52..].copy_from_slice(if self.sampled { b"-01" } else { b"-00" });
        HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

fn hex(bytes: &[u8], out: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

thread_local!(static CURRENT: Cell<Option<Caller>> = const { Cell::new(None) });

/// Lets `future` work on behalf of a request. What it spawns does so only if it is wrapped too.
pub async fn attributed<F: Future>(caller: Option<Caller>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| on_behalf(caller, || future.as_mut().poll(cx))).await
}

/// Does `work` on behalf of a request.
pub fn on_behalf<R>(caller: Option<Caller>, work: impl FnOnce() -> R) -> R {
    let before = CURRENT.replace(caller);
    let done = work();
    CURRENT.set(before);
    done
}

/// The request on whose behalf this thread works now.
pub(crate) fn current() -> Option<Caller> {
    CURRENT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(request: u64) -> Option<Caller> {
        Some(Caller { request, trace: 7, sampled: true, hops: 0 })
    }

    #[tokio::test]
    async fn requests_that_take_turns_on_a_thread_keep_their_numbers() {
        let one = attributed(caller(1), async {
            tokio::task::yield_now().await;
            let inner = attributed(caller(3), async { current() }).await;
            (current(), inner)
        });
        let other = attributed(caller(2), async {
            tokio::task::yield_now().await;
            current()
        });
        assert_eq!(tokio::join!(one, other), ((caller(1), caller(3)), caller(2)));
        assert_eq!(current(), None);
    }

    #[test]
    fn a_traceparent_has_the_trace_the_request_and_the_flag() {
        let caller = Caller { request: 0xb7, trace: 0x4bf9_2f35, sampled: true, hops: 0 };
        let expected = "00-0000000000000000000000004bf92f35-00000000000000b7-01";
        assert_eq!(caller.traceparent().to_str().unwrap(), expected);
    }
}
