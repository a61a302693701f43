//! What the API takes and gives, as JSON.

mod observed;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::db::HistoryRow;
pub use observed::{
    AuditEvent, CeilingSays, Explanation, FunctionGrants, FunctionStats, GrantSeen, ProcessStats,
    RefusedSeen, Stats,
};

/// Nothing but that it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asker {
    /// As it stands in the audit log.
    pub by: String,
    /// The only tenant that is seen; all of them if none is named.
    pub tenant: Option<String>,
    /// `read`, `deploy` or `admin`.
    pub role: String,
}

/// A deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deploy {
    /// The text of `tombolo.toml`.
    pub manifest: String,
    /// The manifest's folder on this machine, where relative folders of grants start.
    #[serde(default)]
    pub base: Option<String>,
    /// The digest of each function's artifact; the artifacts were sent before.
    pub artifacts: BTreeMap<String, String>,
}

/// What came of a deploy or a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The app.
    pub app: String,
    /// The revision that was asked for.
    pub revision: u64,
    /// `serving`, `unchanged`, `failed` or `superseded`.
    pub state: String,
    /// The revision that requests reach now.
    pub serving: Option<u64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was asked for and not given, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A rollback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// To which revision; to the one before, if none is named.
    #[serde(default)]
    pub revision: Option<u64>,
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppStatus {
    /// Whose it is.
    pub tenant: String,
    /// Its name.
    pub app: String,
    /// The manifest's version of what serves, or else of what is wanted.
    pub version: String,
    /// One word: `serving`, `starting`, `failed`, `down`.
    pub state: String,
    /// The revision that requests reach now.
    pub serving: Option<u64>,
    /// The revision that was asked for last.
    pub wanted: u64,
    /// The last one that has served well.
    pub good: Option<u64>,
    /// Why the wanted one failed, or why the good one does not serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its functions, each with its triggers.
    pub functions: BTreeMap<String, Vec<String>>,
    /// Its volumes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, VolumeStatus>,
}

/// A volume of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeStatus {
    /// What it holds; nothing before it was used.
    pub held_bytes: Option<u64>,
    /// What it may hold at most.
    pub size_bytes: u64,
}

/// The node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NodeStatus {
    /// The program's version.
    pub version: String,
    /// Where its file was when it started.
    #[serde(default)]
    pub program: String,
    /// How often the program was replaced without an end of the node's process.
    #[serde(default)]
    pub upgrades: u64,
    /// Processes of the program before that still answer what they have begun.
    #[serde(default)]
    pub leaving: usize,
    /// Why the program that was to take this one's place last does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_upgraded: Option<String>,
    /// The node's process.
    pub pid: u32,
    /// The gateway's process, if it runs.
    pub gateway: Option<u32>,
    /// The kernel's walls around the gateway.
    pub gateway_layers: serde_json::Value,
    /// The process that makes connections for cells, if one runs.
    pub egress: Option<u32>,
    /// Where the gateway listens.
    pub listen: Vec<String>,
    /// Where state is kept.
    pub state: String,
    /// Bytes that are free there.
    pub disk_free_bytes: u64,
    /// `written` by the operator, or `usual`.
    pub ceiling: String,
    /// The control groups of cells: `in force: …`, or `missing: …` and why.
    #[serde(default)]
    pub cgroups: String,
    /// Apps in all.
    pub apps: usize,
    /// Cells.
    pub cells: Vec<CellStatus>,
}

/// Another program for the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upgrade {
    /// Its file. Over the network it can only be the one from which the node runs, or which took that one's place.
    pub program: String,
}

/// A program that takes the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upgraded {
    /// Its version.
    pub version: String,
    /// How often the program was replaced, this time included: the node says so once it is.
    pub upgrades: u64,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellStatus {
    /// Its number.
    pub cell: u64,
    /// Whose it is.
    pub tenant: String,
    /// Its process.
    pub pid: u32,
    /// Where it is in its life.
    pub phase: String,
    /// What it serves: app and revision.
    pub apps: BTreeMap<String, u64>,
    /// The kernel's walls around it.
    pub layers: serde_json::Value,
}

/// A tenant that is added or changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The text of its `ceiling.toml`; without one, the machine's ceiling is its own.
    #[serde(default)]
    pub ceiling: Option<String>,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `read`, `deploy` or `admin`.
    pub role: String,
    /// After how many seconds it is not valid any more.
    #[serde(default)]
    pub expires_seconds: Option<u64>,
}

/// A token, said once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// For `Authorization: Bearer …`.
    pub token: String,
}

/// Why a request was not fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Error {
    /// For people.
    pub error: String,
}
