//! Opening the database; a broken one is put aside and made again from the copies beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{Db, DbError, copies, schema};
use crate::disk::Reserve;

const FILE: &str = "state.db";
/// What SQLite keeps beside a database.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

/// A database was broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the state database was broken ({why}) and is now {}; {apps} apps came back with their last good revision, \
     tenants' ceilings and older revisions did not", aside.display()
)]
pub struct Recovered {
    /// Where the broken one is.
    pub aside: PathBuf,
    /// What was wrong with it.
    pub why: String,
    /// Apps that came back.
    pub apps: usize,
}

impl Db {
    /// Opens the database in `folder`, or makes it.
    ///
    /// # Errors
    /// [`DbError`] when the disk does not let it, or the database is from a newer program.
    pub fn open(folder: &Path) -> Result<(Db, Option<Recovered>), DbError> {
        let copies = folder.join("apps");
        make(&copies)?;
        let reserve = Reserve::new(folder);
        match open_surely(&folder.join(FILE), &reserve) {
            Ok(connection) => Ok((Db { connection, copies, reserve }, None)),
            Err(DbError::Sqlite(error)) if is_broken(&error) => {
                let aside = put_aside(folder)?;
                let connection = open_checked(&folder.join(FILE))?;
                let mut db = Db { connection, copies, reserve };
                let apps = db.restore(copies::read_all(&db.copies)?)?;
                Ok((db, Some(Recovered { aside, why: error.to_string(), apps })))
            }
            Err(error) => Err(error),
        }
    }
}

impl Db {
    /// Whether this program could open the database in `folder`, which may be in use, or make one there.
    ///
    /// # Errors
    /// [`DbError`] when it is from a newer program, or cannot be read.
    pub fn check(folder: &Path) -> Result<(), DbError> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(());
        }
        schema::check(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }
}

/// Opens it; with the space that was set aside, if the disk is full.
fn open_surely(path: &Path, reserve: &Reserve) -> Result<Connection, DbError> {
    match open_checked(path) {
        Err(DbError::Sqlite(error)) if !is_broken(&error) && reserve.give_up() => open_checked(path),
        opened => {
            reserve.fill();
            opened
        }
    }
}

fn open_checked(path: &Path) -> Result<Connection, DbError> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict != "ok" {
        let broken = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(broken, Some(verdict)).into());
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn put_aside(folder: &Path) -> Result<PathBuf, DbError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let aside = (0..)
        .map(|count: u32| folder.join(format!("{FILE}.broken-{seconds}-{count}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.join(format!("{FILE}.broken")));
    for suffix in SUFFIXES {
        let with_suffix = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let from = with_suffix(&folder.join(FILE));
        match std::fs::rename(&from, with_suffix(&aside)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(DbError::Io { path: from, source }),
        }
    }
    Ok(aside)
}

fn make(folder: &Path) -> Result<(), DbError> {
    std::fs::create_dir_all(folder).map_err(|source| DbError::Io { path: folder.to_owned(), source })
}
