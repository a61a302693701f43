//! What node and gateway say to each other: one JSON object a line.
//!
//! First come the public listeners, a byte with the sockets of each as descriptors: the byte says how many are still to
//! come, this one counted. Then come [`Order`]s. Answers are [`Said`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tombolo_listen::TlsPems;

/// The public listeners that a gateway has at most.
pub const LISTENERS_MAX: usize = 255;

/// What the node orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Serve with so many threads; cells' sockets are in this folder. The first order.
    Begin {
        /// The folder of [`socket_path`].
        cells: PathBuf,
        /// Threads.
        workers: usize,
        /// How to speak at each of the public listeners, in the order in which they came.
        doors: Vec<PublicDoor>,
        /// For those that speak TLS, as [`Order::Certificates`].
        certificates: Vec<TlsPems>,
    },
    /// Use these certificates for connections from now on; the first also for names that none is for.
    Certificates(Vec<TlsPems>),
    /// Use this table from now on.
    Table(Table),
    /// Accept no more, answer what has begun, and end.
    Drain,
}

/// How to speak at a public listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicDoor {
    /// TLS, or in clear.
    pub is_tls: bool,
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Grows with each table.
    pub version: u64,
    /// The cells, each with its routes.
    pub cells: Vec<CellRoutes>,
}

/// The requests that a cell takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRoutes {
    /// The cell's number.
    pub cell: u64,
    /// `http` lines, as in a manifest.
    pub routes: Vec<String>,
}

/// What the gateway says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// It uses this table, and nothing goes where an older one would have sent it.
    Routed {
        /// The table's version.
        version: u64,
    },
}

/// Where a cell listens for requests.
pub fn socket_path(cells: &Path, cell: u64) -> PathBuf {
    cells.join(format!("{cell}.sock"))
}
