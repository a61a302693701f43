//! The node's state on disk.
//!
//! One SQLite database; what is committed survives a power loss. Beside it, one file for each app holds its last good
//! revision: if the database is ever found broken it is put aside, and the apps are taken from these files.

mod apps;
mod copies;
mod open;
#[cfg(test)]
mod power;
mod schema;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;

use std::collections::BTreeMap;
use std::path::PathBuf;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

pub use apps::HistoryRow;
pub use open::Recovered;
pub use tokens::{Bearer, Role, UnknownRole, token_name};

use crate::disk::Reserve;
use crate::reconcile::Revision;

/// The database and the files beside it.
#[derive(Debug)]
pub struct Db {
    connection: Connection,
    copies: PathBuf,
    reserve: Reserve,
}

impl Db {
    /// Does what must also be possible on a full disk: with the space that was set aside, if there is no other.
    fn surely<T>(&mut self, act: impl Fn(&mut Db) -> Result<T, DbError>) -> Result<T, DbError> {
        match act(self) {
            Err(error) if error.is_full() && self.reserve.give_up() => act(self),
            done => {
                self.reserve.fill();
                done
            }
        }
    }
}

/// What was deployed: all that is needed to serve it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The manifest's own version of the app.
    pub version: String,
    /// The manifest, as it was sent.
    pub manifest: String,
    /// Where relative folders of grants start, for a manifest that was deployed on this machine.
    pub base: Option<String>,
    /// Each function's artifact.
    pub artifacts: BTreeMap<String, String>,
}

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// SQLite says no.
    #[error("the state database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file beside it.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// A row that this program did not write.
    #[error("the state database holds {0}")]
    Foreign(String),
    /// The database is from a newer version of this program.
    #[error(
        "the state database has version {found}, this program knows {known}: install the newer program again"
    )]
    Newer {
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// There is no such revision.
    #[error("there is no revision {0}; see `tombolo history`")]
    NoRevision(Revision),
}

impl DbError {
    /// True if there is no space left to write to.
    pub fn is_full(&self) -> bool {
        match self {
            DbError::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => {
                error.code == rusqlite::ErrorCode::DiskFull
            }
            DbError::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}
