//! What the node says to the programs that it starts, and what they answer: one JSON object a line.
//!
//! A cell gets a Unix socket as standard input. First comes one byte with what it listens on as descriptors (a passage for
//! requests, sockets for events and for metrics) and, if a grant of it needs a network, a socket to the broker; then a byte
//! with the sockets of each public listener that is handed to it. The byte says how many of these are still to come. Then
//! comes one [`CellOrder`], and later [`CellTold`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tombolo_listen::TlsPems;

/// The hidden command that is a cell.
pub const CELL_COMMAND: &str = "__cell";
/// The hidden command that is a gateway.
pub const GATEWAY_COMMAND: &str = "__gateway";
/// The hidden command that is a broker of connections.
pub const EGRESS_COMMAND: &str = "__egress";
/// The hidden command that verifies artifacts.
pub const VERIFY_COMMAND: &str = "__verify";

/// The listeners that a cell can be handed.
pub const HANDED_MAX: usize = 255;

/// What a cell is to serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellOrder {
    /// The functions of all apps of its plan.
    pub functions: Vec<CellFunction>,
    /// The folder of compiled code.
    pub compiled: PathBuf,
    /// The folder of the tenant's stores and volumes: one folder an app.
    pub data: PathBuf,
    /// The folder of the tenant's secrets.
    pub secrets: PathBuf,
    /// Threads that serve.
    pub workers: usize,
    /// Memory that all running instances may take together.
    pub memory_bytes: u64,
    /// How long requests that have begun may go on when it drains.
    pub drain_ms: u64,
    /// Whether TLS is spoken at each of the public listeners that are handed to it.
    pub handed: Vec<bool>,
    /// For those that speak TLS, as [`CellTold::Certificates`].
    pub certificates: Vec<TlsPems>,
}

/// What a cell is told while it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellTold {
    /// Accept from the listeners that were handed to it.
    Enter,
    /// Leave them to another cell.
    Leave,
    /// Use these certificates for connections from now on.
    Certificates(Vec<TlsPems>),
    /// Answer what has begun, and end.
    Drain,
}

/// A function of a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellFunction {
    /// Its app.
    pub app: String,
    /// Its own name.
    pub name: String,
    /// The revision of its app.
    pub revision: u64,
    /// Its artifact's digest.
    pub digest: String,
    /// The engine that its code was made for, as [`Verified`] said.
    pub class: String,
    /// Trigger lines.
    pub on: Vec<String>,
    /// Grant lines: what it gets, not what it asked for.
    pub grants: Vec<String>,
    /// Limit lines, `name=value`: what it gets.
    pub limits: Vec<String>,
    /// Arguments after its own name.
    pub args: Vec<String>,
    /// Where relative folders of grants start.
    pub base: PathBuf,
}

impl CellFunction {
    /// The name under which the cell knows it.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.app, self.name)
    }
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellSaid {
    /// It has loaded everything, is locked down, and accepts connections.
    Ready {
        /// The kernel's walls around it: name, status, detail.
        layers: serde_json::Value,
    },
    /// It can't serve its plan, and ends.
    Failed {
        /// The app at fault, if it is one.
        app: Option<String>,
        /// What is wrong, for people.
        reason: String,
    },
}

/// What is to be verified: standard input of [`VERIFY_COMMAND`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyOrder {
    /// The artifacts.
    pub artifacts: Vec<VerifyArtifact>,
    /// The folder of compiled code.
    pub compiled: PathBuf,
}

/// An artifact to be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyArtifact {
    /// The function that needs it, for messages.
    pub function: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it must be.
    pub digest: String,
}

/// The answer: standard output of [`VERIFY_COMMAND`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// All are whole and compiled; the class of each, in the order given.
    Fit {
        /// Names of engine classes.
        classes: Vec<String>,
    },
    /// One is not.
    Unfit {
        /// What is wrong, for people.
        reason: String,
        /// True if trying again can't help.
        permanent: bool,
    },
}
