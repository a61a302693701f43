//! What node and gateway say to each other: one JSON object a line.
//!
//! First comes one byte with the listening sockets as descriptors, then [`Order`]s. Answers are [`Said`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The byte that carries the listening sockets.
pub const SOCKETS: &[u8] = b"s";

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
    },
    /// Use this table from now on.
    Table(Table),
    /// Accept no more, answer what has begun, and end.
    Drain,
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
