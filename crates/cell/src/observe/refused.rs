//! What guests asked for and did not get, as lines of the log.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use tombolo_host::ledger::{Refusal, RefusalSink};

use tombolo_spec::Timestamp;

use super::time;

/// One function's refusals.
///
/// Each different one is told when it comes first and then whenever its count has doubled, so that a guest cannot fill
/// the log with them.
pub struct RefusalLog {
    revision: Box<str>,
}

impl RefusalLog {
    /// For the function's template; `revision` is the one that the function is served as.
    pub fn new(revision: &str) -> Arc<RefusalLog> {
        Arc::new(RefusalLog { revision: revision.into() })
    }
}

impl RefusalSink for RefusalLog {
    /// Guests run on worker threads; a refusal elsewhere is in the counts.
    fn refused(&self, refusal: &Refusal) {
        crate::worker::log_line(&RefusedLine {
            time: time::now(),
            event: "refused",
            function: &refusal.function,
            revision: &self.revision,
            request_id: refusal.request_id.map(Hex),
            kind: kind(&refusal.request),
            request: &refusal.request,
            reason: &refusal.reason,
            grant: refusal.grant.as_deref(),
            add: refusal.remedy.as_deref(),
            count: refusal.count,
        });
    }
}

/// One refusal.
#[derive(Serialize)]
struct RefusedLine<'a> {
    time: Timestamp,
    event: &'static str,
    function: &'a str,
    revision: &'a str,
    /// The request in which it came up first.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Hex>,
    /// The kind of grant: the first words of its line.
    kind: Cow<'a, str>,
    /// What was asked for, in the words of a grant.
    request: &'a str,
    reason: &'a str,
    /// The grant that came closest.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a str>,
    /// The smallest grant that would allow it: the line to add.
    #[serde(skip_serializing_if = "Option::is_none")]
    add: Option<&'a str>,
    count: u64,
}

/// A request's number as it is written everywhere.
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

/// `tcp connect` and the like have two words.
fn kind(request: &str) -> Cow<'_, str> {
    let mut words = request.split(' ');
    match (words.next().unwrap_or(request), words.next()) {
        (first @ ("tcp" | "udp" | "listen"), Some(second)) => format!("{first} {second}").into(),
        (first, _) => first.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn a_kind_is_the_beginning_of_a_grant_line() {
        assert_eq!(kind("http GET https://a.example/"), "http");
        assert_eq!(kind("tcp connect a.example:80"), "tcp connect");
        assert_eq!(kind("listen tcp 80"), "listen tcp");
        assert_eq!(kind("dns a.example"), "dns");
    }
}
