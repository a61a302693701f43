//! Time. Without a grant a guest sees coarse clocks, with `clock RESOLUTION` finer ones.
//!
//! Programs in every language read clocks while they start, and WASI gives them no way to be told "no":
//! refusing would only mean a trap. So reading the time is always answered, and the grant decides how finely:
//!
//! | | wall clock | monotonic clock |
//! | --- | --- | --- |
//! | no grant | whole seconds | 10 ms |
//! | `clock 1ms` | 1 ms | 1 ms |
//!
//! Fine clocks are what timing attacks on neighbours need, hence the grant. A sleep for a duration is not rounded:
//! it delays the guest alone. A timer for a moment ends when the guest's own clock shows that moment. The monotonic clock starts at zero with each instance, so it tells nothing about
//! the machine's uptime.

mod policy;

pub(crate) mod p2;
pub(crate) mod p3;

#[cfg(test)]
mod tests;

pub use policy::{COARSE_MONOTONIC, COARSE_WALL, Resolution};

use std::time::{Duration, Instant, SystemTime};

/// The clocks of one instance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clocks {
    resolution: Resolution,
    origin: Instant,
}

impl Clocks {
    /// Clocks of a new instance. The monotonic one begins one step after zero: Go takes a zero for a broken clock.
    pub(crate) fn new(resolution: Resolution) -> Clocks {
        let now = Instant::now();
        Clocks { resolution, origin: now.checked_sub(resolution.monotonic).unwrap_or(now) }
    }

    /// Time since 1970-01-01 00:00:00 UTC, rounded down.
    pub(crate) fn wall(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        policy::round_down(now, self.resolution.wall)
    }

    /// Nanoseconds since shortly before the instance was made, rounded down.
    pub(crate) fn monotonic_ns(&self) -> u64 {
        saturating_ns(policy::round_down(self.origin.elapsed(), self.resolution.monotonic))
    }

    pub(crate) fn wall_resolution(&self) -> Duration {
        self.resolution.wall
    }

    pub(crate) fn monotonic_resolution_ns(&self) -> u64 {
        saturating_ns(self.resolution.monotonic)
    }

    /// How long to wait until the guest's monotonic clock shows `when_ns`. What it shows is rounded down, so the
    /// wait is for the next step: a timer that ended before would make the guest spin until its clock agrees.
    pub(crate) fn until(&self, when_ns: u64) -> Duration {
        let when = policy::round_up(Duration::from_nanos(when_ns), self.resolution.monotonic);
        when.saturating_sub(self.origin.elapsed())
    }

    /// The same for the wall clock.
    pub(crate) fn until_wall(&self, when_ns: u64) -> Duration {
        let when = policy::round_up(Duration::from_nanos(when_ns), self.resolution.wall);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        when.saturating_sub(now)
    }
}

/// 584 years fit; what is beyond stays at the end.
fn saturating_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
