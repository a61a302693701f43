//! How long to wait before trying again.

use std::time::Duration;

use super::ids::Time;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);
/// So many failures in a row are a loop, and are reported as one.
pub(super) const LOOP_FAILURES: u32 = 5;
/// What has worked for so long starts counting anew when it fails.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Failures in a row, and when to try again: 100 ms after the first, twice that after the next, at most a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Backoff {
    pub(super) failures: u32,
    pub(super) until: Time,
}

impl Backoff {
    /// One more failure, at `now`.
    pub(super) fn fail(&mut self, now: Time) {
        self.failures = self.failures.saturating_add(1);
        let doublings = (self.failures - 1).min(16);
        self.until = now.after((FIRST * (1 << doublings)).min(LONGEST));
    }

    /// True when it is time to try.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.until <= now
    }
}
