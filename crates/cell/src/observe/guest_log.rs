//! What guests log and write to standard output and error, as lines of the log, within each function's budget.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use tombolo_host::stdio::{LogLevel, LogSink, LogStream};

use super::log::{GuestLine, Log};
use super::time;

/// One function's log.
pub(crate) struct GuestLog {
    log: Log,
    function: Box<str>,
    revision: Box<str>,
    budget: LogBudget,
}

/// How much a function may log: a rate in bytes a second, with bursts of one second.
///
/// The generic cell rate algorithm (ITU-T I.371): one number, the time at which the budget will be whole again.
pub(crate) struct LogBudget {
    began: Instant,
    bytes_per_second: u64,
    /// In nanoseconds after `began`.
    whole_at: AtomicU64,
    dropped: AtomicU64,
}

impl GuestLog {
    pub(crate) fn new(log: Log, function: &str, revision: &str, bytes_per_second: u64) -> Arc<GuestLog> {
        let budget = LogBudget::new(bytes_per_second);
        Arc::new(GuestLog { log, function: function.into(), revision: revision.into(), budget })
    }

    /// Lines that were dropped over the budget, since the function was loaded.
    pub(crate) fn dropped(&self) -> u64 {
        self.budget.dropped.load(Relaxed)
    }
}

impl LogSink for GuestLog {
    fn line(&self, request: u128, stream: LogStream, line: &[u8]) {
        let stream = match stream {
            LogStream::Stdout => "stdout",
            LogStream::Stderr => "stderr",
        };
        let text = Said { stream, level: None, context: "", text: String::from_utf8_lossy(line) };
        self.say(request, text);
    }

    fn message(&self, request: u128, level: LogLevel, context: &str, message: &str) {
        self.say(
            request,
            Said { stream: "log", level: Some(level.name()), context, text: Cow::Borrowed(message) },
        );
    }
}

/// What a guest said, and how.
struct Said<'a> {
    stream: &'static str,
    level: Option<&'static str>,
    context: &'a str,
    text: Cow<'a, str>,
}

impl GuestLog {
    fn say(&self, request: u128, said: Said<'_>) {
        let bytes = (said.context.len() + said.text.len()) as u64 + LINE_OVERHEAD_BYTES;
        if !self.budget.spend(bytes, self.budget.began.elapsed().as_nanos() as u64) {
            return;
        }
        let line = GuestLine {
            time: time::now(),
            event: "guest",
            function: &self.function,
            revision: &self.revision,
            request: request as u64,
            stream: said.stream,
            level: said.level,
            context: said.context,
            text: said.text,
            dropped: self.dropped(),
        };
        if !crate::worker::log_line(&line) {
            self.log.line(&line);
        }
    }
}

/// What the structure around a guest's text counts for: many short lines cost as much as a few long ones.
const LINE_OVERHEAD_BYTES: u64 = 64;
const SECOND_NS: u64 = 1_000_000_000;

impl LogBudget {
    fn new(bytes_per_second: u64) -> LogBudget {
        let bytes_per_second = bytes_per_second.max(1);
        LogBudget {
            began: Instant::now(),
            bytes_per_second,
            whole_at: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether `bytes` fit in at `now`, in nanoseconds after the beginning. Counts them as dropped if not.
    fn spend(&self, bytes: u64, now: u64) -> bool {
        let cost = (u128::from(bytes) * u128::from(SECOND_NS) / u128::from(self.bytes_per_second)) as u64;
        let fits = self.whole_at.fetch_update(Relaxed, Relaxed, |whole_at| {
            let after = whole_at.max(now).saturating_add(cost);
            (after <= now + SECOND_NS).then_some(after)
        });
        if fits.is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        fits.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_one_second_fits_and_no_more() {
        let budget = LogBudget::new(1000);
        assert!(budget.spend(600, 0));
        assert!(budget.spend(400, 0));
        assert!(!budget.spend(1, 0));
        assert_eq!(budget.dropped.load(Relaxed), 1);
    }

    #[test]
    fn the_budget_grows_back_with_time() {
        let budget = LogBudget::new(1000);
        assert!(budget.spend(1000, 0));
        assert!(!budget.spend(500, SECOND_NS / 4));
        assert!(budget.spend(500, SECOND_NS / 2));
    }
}
