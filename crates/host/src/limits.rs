//! The limits that this crate enforces, taken out of the table once.

use std::time::Duration;

use tombolo_spec::Limits;

/// A function's limits in the units of their use.
#[derive(Debug, Clone)]
pub(crate) struct HostLimits {
    /// All of them, for the engine and for messages.
    pub(crate) all: Limits,
    pub(crate) handles: usize,
    pub(crate) output_bytes: Option<u64>,
    pub(crate) header_bytes: usize,
    pub(crate) outbound_requests: u64,
    pub(crate) outbound_bytes: u64,
    pub(crate) connect_time: Duration,
    pub(crate) idle_time: Duration,
}

impl HostLimits {
    pub(crate) fn new(limits: Limits) -> HostLimits {
        HostLimits {
            handles: size(limits.handles()),
            output_bytes: limits.output().map(|size| size.bytes()),
            header_bytes: size(limits.headers().bytes()),
            outbound_requests: limits.outbound_requests(),
            outbound_bytes: limits.outbound_bytes().bytes(),
            connect_time: limits.connect_time(),
            idle_time: limits.idle_time(),
            all: limits,
        }
    }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
