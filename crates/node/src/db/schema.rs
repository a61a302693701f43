//! The tables, and how an older database becomes a newer one.

use rusqlite::{Connection, TransactionBehavior};

use super::DbError;

/// Each step takes a database from its index to the next version (`PRAGMA user_version`).
const STEPS: [&str; 2] = [
    "
    CREATE TABLE tenants (
        name    TEXT PRIMARY KEY,
        ceiling TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE apps (
        tenant TEXT NOT NULL,
        app    TEXT NOT NULL,
        wanted INTEGER NOT NULL,
        good   INTEGER,
        last   INTEGER NOT NULL,
        PRIMARY KEY (tenant, app)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE revisions (
        tenant  TEXT NOT NULL,
        app     TEXT NOT NULL,
        number  INTEGER NOT NULL,
        created INTEGER NOT NULL,
        release TEXT NOT NULL,
        failed  TEXT,
        PRIMARY KEY (tenant, app, number)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE tokens (
        hash    BLOB PRIMARY KEY,
        tenant  TEXT NOT NULL,
        role    TEXT NOT NULL,
        expires INTEGER
    ) STRICT, WITHOUT ROWID;
",
];

/// Whether this program knows the version of a database, or one that comes after it.
pub(super) fn check(connection: &Connection) -> Result<(), DbError> {
    done(connection).map(drop)
}

/// The steps that a database has behind it.
fn done(connection: &Connection) -> Result<usize, DbError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(DbError::Newer { found, known });
    }
    usize::try_from(found).map_err(|_| DbError::Foreign(format!("the version {found}")))
}

/// Brings a database to the version that this program knows.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), DbError> {
    let done = done(connection)?;
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        let version = i64::try_from(index + 1).unwrap_or(i64::MAX);
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
