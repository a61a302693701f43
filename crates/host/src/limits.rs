//! The limits that this crate enforces, taken out of the table once.

use std::time::Duration;

use tombolo_engine::{InstanceLimits, LimitHit};
use tombolo_spec::{LimitName, LimitValue, Limits};

/// A function's limits in the units of their use.
#[derive(Debug, Clone)]
pub(crate) struct HostLimits {
    pub(crate) instance: InstanceLimits,
    pub(crate) random_bytes: u64,
    pub(crate) header_bytes: usize,
    pub(crate) outbound_requests: u64,
    pub(crate) outbound_bytes: u64,
    pub(crate) connect_time: Duration,
    pub(crate) idle_time: Duration,
}

impl HostLimits {
    pub(crate) fn new(limits: &Limits) -> HostLimits {
        HostLimits {
            instance: instance(limits),
            random_bytes: limits.random().bytes(),
            header_bytes: size(limits.headers().bytes()),
            outbound_requests: limits.outbound_requests(),
            outbound_bytes: limits.outbound_bytes().bytes(),
            connect_time: limits.connect_time(),
            idle_time: limits.idle_time(),
        }
    }
}

/// What the engine is told about an instance.
fn instance(limits: &Limits) -> InstanceLimits {
    InstanceLimits {
        memory_bytes: limits.memory().bytes(),
        table_elements: limits.table_elements(),
        cpu: limits.cpu(),
        stack_bytes: limits.stack().bytes(),
        handles: size(limits.handles()),
        hostcall_fuel: size(limits.hostcall_fuel().bytes()),
        output_bytes: limits.output().map(|size| size.bytes()),
    }
}

/// A limit was hit here; says so as the engine does for its own.
pub(crate) fn hit(name: LimitName, value: LimitValue) -> LimitHit {
    LimitHit { name: name.name(), value: value.to_string(), remedy: name.raise(value) }
}

fn size(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
