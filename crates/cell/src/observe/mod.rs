//! What a cell says about itself: log lines, metrics, traces.

mod call;
mod counters;
mod guest_log;
mod id;
mod log;
pub(crate) mod metrics;
mod otlp;
mod refused;
pub(crate) mod report;
mod time;

pub(crate) use call::Call;
pub(crate) use counters::Counters;
pub(crate) use guest_log::GuestLog;
pub(crate) use id::{RequestId, TRACEPARENT};
pub(crate) use log::{Lines, Log, SteeringLine};
pub(crate) use otlp::Tracer;
pub use otlp::Traces;
pub use refused::RefusalLog;
