//! How finely a guest may read clocks.

use std::time::Duration;

/// What the wall clock is rounded to without a grant.
pub const COARSE_WALL: Duration = Duration::from_secs(1);
/// What the monotonic clock is rounded to without a grant.
pub const COARSE_MONOTONIC: Duration = Duration::from_millis(10);

/// Steps in which a guest's clocks move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolution {
    pub wall: Duration,
    pub monotonic: Duration,
}

impl Resolution {
    /// Without a grant.
    pub const COARSE: Resolution = Resolution { wall: COARSE_WALL, monotonic: COARSE_MONOTONIC };

    /// With `clock STEP`. A grant never makes a clock coarser than it is without one; zero counts as one
    /// nanosecond, the finest that WASI can express.
    pub fn granted(step: Duration) -> Resolution {
        let step = step.max(Duration::from_nanos(1));
        Resolution { wall: step.min(COARSE_WALL), monotonic: step.min(COARSE_MONOTONIC) }
    }
}

/// The largest multiple of `step` that is not after `time`.
pub(super) fn round_down(time: Duration, step: Duration) -> Duration {
    let step = step.as_nanos().max(1);
    duration(time.as_nanos() / step * step)
}

/// The smallest multiple of `step` that is not before `time`.
pub(super) fn round_up(time: Duration, step: Duration) -> Duration {
    let step = step.as_nanos().max(1);
    duration(time.as_nanos().div_ceil(step) * step)
}

/// What is too long for the type stays at its end.
fn duration(nanos: u128) -> Duration {
    let (seconds, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::MAX,
    }
}
