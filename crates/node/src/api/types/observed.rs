//! What was observed, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::audit::AuditEvent;

/// An event, and what there is to know about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The event.
    pub event: AuditEvent,
    /// For a refusal: the function's grants of the kind that was needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
    /// For a refusal: the grant of the manifest that a ceiling narrowed, so that it does not suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narrowed: Option<String>,
    /// For a refusal: whether the ceilings let the function have what it lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<CeilingSays>,
}

/// What a ceiling says about a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CeilingSays {
    /// `machine` or `tenant`.
    pub whose: String,
    /// Whether it allows all of it.
    pub allows: bool,
    /// What it allows of that kind.
    pub grants: Vec<String>,
}

/// What a function's grants were used for since the node started, and what would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionGrants {
    /// The function.
    pub function: String,
    /// The revision that serves.
    pub revision: u64,
    /// Requests that ended meanwhile.
    pub requests: u64,
    /// Each grant that it has.
    pub grants: Vec<GrantSeen>,
    /// What was refused, the newest first.
    pub refused: Vec<RefusedSeen>,
}

/// A grant that a function has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantSeen {
    /// The grant.
    pub grant: String,
    /// How often it allowed something. Nothing for what every instance is given at its start.
    pub used: Option<u64>,
    /// How often something near it was refused.
    pub refused: u64,
    /// The smallest grants that would have allowed the same; none if it was not used.
    pub smallest: Vec<String>,
}

/// Something that a function asked for and did not get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusedSeen {
    /// The newest event of it.
    pub event: String,
    /// What was asked for, in the words of a grant.
    pub request: String,
    /// Why not.
    pub reason: String,
    /// The smallest grant that would allow it.
    pub add: Option<String>,
    /// How often, as the newest event says.
    pub count: u64,
}

/// What happens on a node, or in a tenant's part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// The time over which rates are meant; nothing if none was asked for.
    pub over_seconds: Option<f64>,
    /// Processors of this machine.
    pub processors: usize,
    /// The processes.
    pub processes: Vec<ProcessStats>,
    /// All functions that serve.
    pub functions: Vec<FunctionStats>,
}

/// A process with those that it started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessStats {
    /// `node`, `gateway` or `cell`.
    pub process: String,
    /// Whose cell it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its number.
    pub pid: u32,
    /// Processors that it used over the time.
    pub cpu: Option<f64>,
    /// Memory that is its own.
    pub memory_bytes: u64,
}

/// A function that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionStats {
    /// Whose it is.
    pub tenant: String,
    /// Its app.
    pub app: String,
    /// Its name.
    pub function: String,
    /// The revision that serves.
    pub revision: u64,
    /// Requests that ended since the node started.
    pub requests: u64,
    /// Those of them that were answered with a status of 5xx.
    pub errors: u64,
    /// Requests a second over the time.
    pub rate: Option<f64>,
    /// Errors a second over the time.
    pub error_rate: Option<f64>,
    /// The time that half of the requests did not exceed, in microseconds; over the time, or since the start.
    pub p50_us: Option<u64>,
    /// Nine of ten.
    pub p90_us: Option<u64>,
    /// Ninety-nine of a hundred.
    pub p99_us: Option<u64>,
    /// Processors that its calls used over the time.
    pub cpu: Option<f64>,
    /// Memory that its running instances hold now.
    pub memory_bytes: u64,
    /// Instances that run now.
    pub running: u64,
    /// Requests that wait for a place now.
    pub waiting: u64,
    /// What it asked for and did not get, since its revision serves.
    pub refusals: u64,
    /// Lines that were not logged, over its budget.
    pub lines_dropped: u64,
}
