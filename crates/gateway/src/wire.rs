//! What node and gateway say to each other: one JSON object a line. Some [`Order`]s bring descriptors with them; answers
//! are [`Said`].

use serde::{Deserialize, Serialize};
use tombolo_listen::TlsPems;

/// What the node orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Listen here; so many sockets come with it. Before the beginning.
    Listen {
        /// Descriptors.
        sockets: usize,
        /// TLS, or in clear.
        is_tls: bool,
        /// Whose routes alone lead on from here; everybody's, if nobody's.
        owner: Option<String>,
    },
    /// Take in calls from app to app, each a [`Call`](tombolo_spec::call::Call), at the socket that comes with it. Before
    /// the beginning.
    Calls,
    /// Serve.
    Begin {
        /// Threads.
        workers: usize,
    },
    /// Use these certificates for connections from now on; the first also for names that none is for. Before the beginning
    /// for each owner of listeners that speak TLS, and later for one that had some before.
    Certificates {
        /// At whose listeners.
        owner: Option<String>,
        /// Chains and keys.
        pems: Vec<TlsPems>,
    },
    /// Reach a cell by the passage that comes with it. Before the table that has the cell.
    Cell {
        /// Its number.
        cell: u64,
    },
    /// Use this table from now on.
    Table(Table),
    /// Accept no more, answer what has begun, and end.
    Drain,
}

impl Order {
    /// The descriptors that come with it.
    pub fn descriptors(&self) -> usize {
        match self {
            Order::Listen { sockets, .. } => *sockets,
            Order::Cell { .. } | Order::Calls => 1,
            Order::Begin { .. } | Order::Certificates { .. } | Order::Table(_) | Order::Drain => 0,
        }
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Grows with each table.
    pub version: u64,
    /// The apps with their routes, each in its cell.
    pub cells: Vec<CellRoutes>,
    /// Which of the listeners, in the order in which they came, somebody else accepts from.
    pub handed: Vec<bool>,
}

/// The requests that a cell takes for one of its apps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellRoutes {
    /// The cell's number.
    pub cell: u64,
    /// Whose it is.
    pub owner: String,
    /// The app.
    pub app: String,
    /// `http` lines, as in a manifest.
    pub routes: Vec<String>,
}

/// What the gateway says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// It has opened all that it will, is locked down, and serves.
    Ready {
        /// The kernel's walls around it: name, status, detail.
        layers: serde_json::Value,
    },
    /// It uses this table, and nothing goes where an older one would have sent it.
    Routed {
        /// The table's version.
        version: u64,
    },
}
