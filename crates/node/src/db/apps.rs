//! Apps and their revisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tombolo_spec::{Digest, Isolation, Name};

use super::copies::{self, Copy};
use super::{Db, DbError, Release};
use crate::reconcile::{App, AppId, Record, Revision};

/// Revisions that are kept of each app, besides the wanted and the good one.
const REVISIONS_MAX: usize = 20;

/// One revision, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryRow {
    /// Its number.
    #[schemars(with = "u64")]
    pub revision: Revision,
    /// The manifest's version.
    pub version: String,
    /// When it was deployed, in seconds since 1970; as wrong as the clock was.
    pub created: i64,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<String>,
}

impl Db {
    /// All apps, for a node that starts.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn apps(&self) -> Result<Vec<(AppId, Isolation, App)>, DbError> {
        let mut statement = self.connection.prepare("SELECT tenant, app, wanted, good FROM apps")?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                number(row, 2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        })?;
        let mut apps = Vec::new();
        for row in rows {
            let (tenant, app, wanted, good) = row?;
            let id = AppId { tenant: name(&tenant)?, app: name(&app)? };
            let good = good.and_then(|good| u64::try_from(good).ok()).map(Revision);
            let failed = self.failed(&id)?;
            let isolation = self
                .release(&id, wanted)
                .map_or_else(|_| Isolation::default(), |release| release.isolation());
            apps.push((id, isolation, App::new(wanted, good, failed)));
        }
        Ok(apps)
    }

    fn failed(&self, app: &AppId) -> Result<BTreeMap<Revision, String>, DbError> {
        let mut statement = self.connection.prepare(
            "SELECT number, failed FROM revisions WHERE tenant = ?1 AND app = ?2 AND failed IS NOT NULL",
        )?;
        let rows = statement
            .query_map(params![&*app.tenant, &*app.app], |row| Ok((number(row, 0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds a revision and makes it the wanted one. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`DbError`]; nothing has changed then.
    pub fn deploy(&mut self, app: &AppId, release: &Release) -> Result<Revision, DbError> {
        let text = serde_json::to_string(release).map_err(|error| DbError::Foreign(error.to_string()))?;
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let next: i64 = transaction.query_row(
            "INSERT INTO apps (tenant, app, wanted, last) VALUES (?1, ?2, 1, 1)
             ON CONFLICT DO UPDATE SET wanted = last + 1, last = last + 1 RETURNING last",
            params![&*app.tenant, &*app.app],
            |row| row.get(0),
        )?;
        transaction.execute(
            "INSERT INTO revisions (tenant, app, number, created, release) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![&*app.tenant, &*app.app, next, i64::try_from(created).unwrap_or(i64::MAX), text],
        )?;
        prune(&transaction, app)?;
        transaction.commit()?;
        Ok(Revision(u64::try_from(next).unwrap_or_default()))
    }

    /// Makes an old revision the wanted one again.
    ///
    /// # Errors
    /// [`DbError`], also when it is not kept any more.
    pub fn want(&mut self, app: &AppId, revision: Revision) -> Result<(), DbError> {
        self.surely(|db| db.try_want(app, revision))
    }

    fn try_want(&mut self, app: &AppId, revision: Revision) -> Result<(), DbError> {
        let key = params![&*app.tenant, &*app.app, sql(revision)];
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known = transaction.execute(
            "UPDATE revisions SET failed = NULL WHERE tenant = ?1 AND app = ?2 AND number = ?3",
            key,
        )?;
        if known == 0 {
            return Err(DbError::NoRevision(revision));
        }
        transaction.execute("UPDATE apps SET wanted = ?3 WHERE tenant = ?1 AND app = ?2", key)?;
        Ok(transaction.commit()?)
    }

    /// Removes an app with all its revisions; false if there is none.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn remove(&mut self, app: &AppId) -> Result<bool, DbError> {
        self.surely(|db| db.try_remove(app))
    }

    fn try_remove(&mut self, app: &AppId) -> Result<bool, DbError> {
        copies::remove(&self.copies, app)?;
        let key = params![&*app.tenant, &*app.app];
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute("DELETE FROM revisions WHERE tenant = ?1 AND app = ?2", key)?;
        let removed = transaction.execute("DELETE FROM apps WHERE tenant = ?1 AND app = ?2", key)?;
        transaction.commit()?;
        Ok(removed > 0)
    }

    /// Writes down what was learned about a revision.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn record(&mut self, record: &Record) -> Result<(), DbError> {
        self.surely(|db| db.try_record(record))
    }

    fn try_record(&mut self, record: &Record) -> Result<(), DbError> {
        match record {
            Record::Good { app, revision } => {
                let key = params![&*app.tenant, &*app.app, sql(*revision)];
                self.connection.execute("UPDATE apps SET good = ?3 WHERE tenant = ?1 AND app = ?2", key)?;
                match self.release(app, *revision) {
                    Ok(release) => copies::write(&self.copies, app, &Copy::new(app, *revision, release)),
                    Err(DbError::NoRevision(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            Record::Failed { app, revision, reason } => {
                self.connection.execute(
                    "UPDATE revisions SET failed = ?4 WHERE tenant = ?1 AND app = ?2 AND number = ?3",
                    params![&*app.tenant, &*app.app, sql(*revision), reason],
                )?;
                Ok(())
            }
        }
    }

    /// What a revision consists of.
    ///
    /// # Errors
    /// [`DbError`], also when it is not kept any more.
    pub fn release(&self, app: &AppId, revision: Revision) -> Result<Release, DbError> {
        let text: Option<String> = self
            .connection
            .prepare("SELECT release FROM revisions WHERE tenant = ?1 AND app = ?2 AND number = ?3")?
            .query_row(params![&*app.tenant, &*app.app, sql(revision)], |row| row.get(0))
            .optional()?;
        parse(&text.ok_or(DbError::NoRevision(revision))?)
    }

    /// The revisions of an app, the newest first.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn history(&self, app: &AppId) -> Result<Vec<HistoryRow>, DbError> {
        let mut statement = self.connection.prepare(
            "SELECT number, created, release, failed FROM revisions WHERE tenant = ?1 AND app = ?2
             ORDER BY number DESC",
        )?;
        let rows = statement.query_map(params![&*app.tenant, &*app.app], |row| {
            Ok((number(row, 0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?))
        })?;
        rows.map(|row| {
            let (revision, created, release, failed) = row?;
            Ok(HistoryRow { revision, version: parse(&release)?.version, created, failed })
        })
        .collect()
    }

    /// Every artifact that some revision needs.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn artifacts(&self) -> Result<BTreeSet<Digest>, DbError> {
        let mut statement = self.connection.prepare("SELECT release FROM revisions")?;
        let releases = statement.query_map([], |row| row.get::<_, String>(0))?;
        let mut digests = BTreeSet::new();
        for release in releases {
            let release = parse(&release?)?;
            digests.extend(release.artifacts.values().filter_map(|digest| digest.parse::<Digest>().ok()));
        }
        Ok(digests)
    }

    /// Brings back apps from their copies; returns how many.
    pub(super) fn restore(&mut self, copies: Vec<Copy>) -> Result<usize, DbError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut restored = 0;
        for copy in copies {
            let Some(app) = copy.app() else { continue };
            let text =
                serde_json::to_string(&copy.release).map_err(|error| DbError::Foreign(error.to_string()))?;
            let key = params![&*app.tenant, &*app.app, sql(copy.revision), text];
            transaction.execute(
                "INSERT INTO apps (tenant, app, wanted, good, last) VALUES (?1, ?2, ?3, ?3, ?3)",
                &key[..3],
            )?;
            transaction.execute(
                "INSERT INTO revisions (tenant, app, number, created, release) VALUES (?1, ?2, ?3, 0, ?4)",
                key,
            )?;
            restored += 1;
        }
        transaction.commit()?;
        Ok(restored)
    }
}

/// Drops the oldest revisions beyond [`REVISIONS_MAX`].
fn prune(transaction: &Transaction<'_>, app: &AppId) -> rusqlite::Result<usize> {
    transaction.execute(
        "DELETE FROM revisions WHERE tenant = ?1 AND app = ?2
         AND number NOT IN (SELECT wanted FROM apps WHERE tenant = ?1 AND app = ?2)
         AND number NOT IN (SELECT good FROM apps WHERE tenant = ?1 AND app = ?2 AND good IS NOT NULL)
         AND number NOT IN (SELECT number FROM revisions WHERE tenant = ?1 AND app = ?2
                            ORDER BY number DESC LIMIT ?3)",
        params![&*app.tenant, &*app.app, i64::try_from(REVISIONS_MAX).unwrap_or(i64::MAX)],
    )
}

fn parse(text: &str) -> Result<Release, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::Foreign(format!("a release that is none: {error}")))
}

fn name(text: &str) -> Result<Name, DbError> {
    text.parse().map_err(|_| DbError::Foreign(format!("the name {text:?}")))
}

fn number(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Revision> {
    let number: i64 = row.get(index)?;
    Ok(Revision(u64::try_from(number).unwrap_or_default()))
}

/// SQLite's integers have a sign; a node that deploys a thousand times a second reaches it in 292 million years.
fn sql(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}
