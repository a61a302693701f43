//! Names of requests: W3C Trace Context (<https://www.w3.org/TR/trace-context/>), level 1.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use http::header::{HeaderMap, HeaderValue};
use tombolo_host::ledger::Caller;

pub(crate) use tombolo_host::ledger::TRACEPARENT;

/// A request's name in logs, in error bodies and as the span that the guest sees as its parent: 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId(pub(crate) u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The trace a request belongs to, and the request's own name in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) trace: u128,
    pub(crate) request: RequestId,
    /// The caller's span, when the request came with one.
    pub(crate) parent: Option<u64>,
    pub(crate) sampled: bool,
    /// Calls from app to app that led to the request.
    pub(crate) hops: u8,
}

impl Trace {
    /// Continues the caller's trace if `headers` carry a valid one, else begins another, recorded if `sampled` says so.
    pub(crate) fn of(headers: &HeaderMap, sampled: bool, hops: u8) -> Trace {
        let request = RequestId(random().max(1));
        match headers.get(TRACEPARENT).and_then(|value| parse(value.as_bytes())) {
            Some((trace, parent, flags)) => {
                Trace { trace, request, parent: Some(parent), sampled: flags & 1 == 1, hops }
            }
            None => {
                let trace = (u128::from(random()) << 64 | u128::from(random())).max(1);
                Trace { trace, request, parent: None, sampled, hops }
            }
        }
    }

    /// The `traceparent` that the guest gets, with this request as parent.
    pub(crate) fn header(&self) -> HeaderValue {
        self.caller().traceparent()
    }

    /// On whose behalf the guest works.
    pub(crate) fn caller(&self) -> Caller {
        Caller { request: self.request.0, trace: self.trace, sampled: self.sampled, hops: self.hops }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, lower case, neither identifier all zero. Later versions may append fields.
fn parse(text: &[u8]) -> Option<(u128, u64, u8)> {
    let known_length = text.len() == 55 || (text.len() > 55 && &text[..2] != b"00" && text[55] == b'-');
    if !known_length || &text[..2] == b"ff" || text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
        return None;
    }
    let version = unhex(&text[..2]);
    let trace = unhex(&text[3..35])?;
    let parent = unhex(&text[36..52])? as u64;
    let flags = unhex(&text[53..55])? as u8;
    (version.is_some() && trace != 0 && parent != 0).then_some((trace, parent, flags))
}

fn unhex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0u128, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

/// Names need to differ, not to be secret: SplitMix64 (Steele, Lea, Flood 2014), seeded once a thread.
fn random() -> u64 {
    thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id())));
    STATE.with(|state| {
        let mut z = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(z);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace_of(text: &str) -> Trace {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_str(text).expect("a header value"));
        Trace::of(&headers, false, 0)
    }

    #[test]
    fn a_callers_trace_is_continued_with_this_request_as_parent() {
        let trace = trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        assert_eq!(trace.parent, Some(0x00f0_67aa_0ba9_02b7));
        let expected = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", trace.request);
        assert_eq!(trace.header().to_str().expect("text"), expected);
    }

    #[test]
    fn a_malformed_trace_is_replaced_by_another() {
        for text in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(trace_of(text).parent, None, "{text:?}");
        }
    }

    #[test]
    fn two_requests_have_two_names() {
        let headers = HeaderMap::new();
        assert_ne!(Trace::of(&headers, false, 0).request, Trace::of(&headers, false, 0).request);
    }
}
