//! A store's folder and file: made, checked and opened before any guest runs.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::data::{self, DataError};

/// The file in a store's folder.
const FILE_NAME: &str = "store.sqlite3";

/// What a store's file says it is: "Tmbk" (SQLite's `application_id`).
const APPLICATION_ID: i64 = 0x546d_626b;

/// The version of the tables below (SQLite's `user_version`).
const SCHEMA_VERSION: i64 = 1;

/// `id` is the place in a listing.
const SCHEMA: &str =
    "CREATE TABLE entries (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value BLOB NOT NULL) STRICT";

/// How long another process may hold the store before an operation gives up.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Readers wait for nobody but a process that recovers the store after a crash.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// Statements that each connection keeps ready.
const STATEMENTS_MAX: usize = 16;

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// Its folder cannot be made.
    #[error("the store {name:?}: {source}")]
    Folder {
        /// The store.
        name: String,
        /// Why not.
        source: DataError,
    },
    /// Its file is not what it should be, or the disk refuses.
    #[error("the store {name:?}: {path}: {what}; {remedy}", path = path.display())]
    File {
        /// The store.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
        /// What to do.
        remedy: &'static str,
    },
}

/// Where a store is: its folder, held open.
pub(crate) struct StoreFile {
    name: String,
    path: PathBuf,
    folder: File,
}

impl StoreFile {
    /// Makes the store's folder if it is not there.
    pub(crate) fn prepare(root: &Path, name: &str) -> Result<StoreFile, OpenStoreError> {
        let folder = root.join("kv").join(name);
        let opened = data::open_folder(&folder)
            .map_err(|source| OpenStoreError::Folder { name: name.to_owned(), source })?;
        Ok(StoreFile { name: name.to_owned(), path: folder.join(FILE_NAME), folder: opened })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The folder, for the rules of the layers below.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Makes the store if it is not there, and a connection that writes.
    pub(crate) fn open_writer(&self) -> Result<Connection, OpenStoreError> {
        let is_new = !self.path.exists();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = self.connect(flags, WRITE_PATIENCE).map_err(|error| self.wrong(&error))?;
        self.check_or_create(&connection)?;
        if is_new {
            self.folder.sync_all().map_err(|error| self.disk(&error))?;
        }
        Ok(connection)
    }

    /// A connection that reads; the store is there.
    pub(crate) fn open_reader(&self) -> Result<Connection, OpenStoreError> {
        let open = || {
            let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, READ_PATIENCE)?;
            // Opens all files that it will ever need: later no file can be opened.
            connection.query_row("SELECT count(*) FROM (SELECT 1 FROM entries LIMIT 1)", [], |_| Ok(()))?;
            Ok(connection)
        };
        open().map_err(|error| self.wrong(&error))
    }

    fn connect(&self, flags: OpenFlags, patience: Duration) -> rusqlite::Result<Connection> {
        // A connection is used by one thread at a time: SQLite's own locks are left out.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(patience)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Nothing is ever written anywhere but to the store's own files.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    }

    fn check_or_create(&self, connection: &Connection) -> Result<(), OpenStoreError> {
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        let identity = || Ok((number("application_id")?, number("user_version")?, number("page_count")?));
        let (application, version, pages) = identity().map_err(|error| self.wrong(&error))?;
        if application != APPLICATION_ID && (application, version, pages) != (0, 0, 0) {
            return Err(self.file("is a SQLite file of another program".into(), MOVE_AWAY));
        }
        if version > SCHEMA_VERSION {
            let what = format!("was made by a newer tombolo (format {version}, known is {SCHEMA_VERSION})");
            return Err(
                self.file(what, "use that version, or move the file away to begin with an empty store")
            );
        }
        let mode =
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        if mode.map_err(|error| self.wrong(&error))? != "wal" {
            return Err(self.file("its disk has no shared memory for files".into(), LOCAL_DISK));
        }
        create(connection, version).map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &rusqlite::Error) -> OpenStoreError {
        use rusqlite::ErrorCode as Code;
        let (what, remedy) = match error.sqlite_error_code() {
            Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
                (format!("is damaged, or is no store: {error}"), MOVE_AWAY)
            }
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
                ("another process holds it".into(), "end that process, or wait until it is done")
            }
            Some(Code::DiskFull) => ("the disk is full".into(), "make room"),
            Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
                (format!("cannot be opened for writing: {error}"), "give this user the right to it")
            }
            _ => (error.to_string(), LOCAL_DISK),
        };
        self.file(what, remedy)
    }

    fn disk(&self, error: &io::Error) -> OpenStoreError {
        self.file(error.to_string(), LOCAL_DISK)
    }

    fn file(&self, what: String, remedy: &'static str) -> OpenStoreError {
        OpenStoreError::File { name: self.name.clone(), path: self.path.clone(), what, remedy }
    }
}

const MOVE_AWAY: &str = "restore it from a backup, or move it away to begin with an empty store";
const LOCAL_DISK: &str = "name a folder on a local disk with --data";

/// Tables where there are none, and one commit in any case: it opens and makes durable all files that later commits
/// need, while files can still be opened.
fn create(connection: &Connection, version: i64) -> rusqlite::Result<()> {
    // A commit is on the disk before it is answered.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // After a large write the log gets its usual size back.
    connection.pragma_update(None, "journal_size_limit", 8 << 20)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tables = || {
        // Another process may have been faster.
        let is_there =
            connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'entries'", [], |_| Ok(()));
        match is_there {
            Err(rusqlite::Error::QueryReturnedNoRows) if version == 0 => connection.execute_batch(SCHEMA)?,
            other => other?,
        }
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", SCHEMA_VERSION)
    };
    let made = tables();
    connection.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    made
}
