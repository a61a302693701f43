//! The limits that the engine enforces, and what is said when one is hit.

use std::time::Duration;

/// Default stack for guest code, in bytes.
pub const DEFAULT_STACK_BYTES: usize = 1024 * 1024;

/// What one instance (all modules of a component together) may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceLimits {
    /// All linear memories and tables together, in bytes.
    pub memory_bytes: u64,
    /// All tables together, in elements.
    pub table_elements: u64,
    /// Processor time.
    pub cpu: Option<Duration>,
    /// Stack of guest code, in bytes. Fixed by the engine; named here for messages.
    pub stack_bytes: u64,
    /// Live handles to resources.
    pub handles: usize,
    /// Bytes that one call may make the host copy out of the guest.
    pub hostcall_fuel: usize,
    /// Bytes written to standard output and error together.
    pub output_bytes: Option<u64>,
}

impl Default for InstanceLimits {
    fn default() -> InstanceLimits {
        InstanceLimits {
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            cpu: None,
            stack_bytes: DEFAULT_STACK_BYTES as u64,
            handles: 4096,
            hostcall_fuel: 8 << 20,
            output_bytes: None,
        }
    }
}

/// A limit that was hit: which one, its value as it is written, and how to raise it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit {name}={value} reached; {remedy}")]
pub struct LimitHit {
    pub name: &'static str,
    pub value: String,
    pub remedy: String,
}
