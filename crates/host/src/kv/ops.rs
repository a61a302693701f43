//! What is done with a store's rows.

use rusqlite::{Connection, OptionalExtension, params};
use tombolo_spec::{ByteSize, LimitName, LimitValue};

use super::error::StoreFault;
use super::{BATCH_KEYS_MAX, KEY_BYTES_MAX, PAGE_KEYS_MAX};

/// A change that is made as a whole or not at all.
#[derive(Debug)]
pub(crate) enum Change {
    /// Sets keys to values.
    Set(Vec<(String, Vec<u8>)>),
    /// Removes keys; those that are not there are none.
    Delete(Vec<String>),
    /// Adds to a decimal number; one that is not there is zero.
    Increment { key: String, delta: u64 },
}

/// What a change came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// The number after the increment.
    Number(u64),
}

/// Keys of a store, and where the next page begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) keys: Vec<String>,
    pub(crate) cursor: Option<u64>,
}

/// What a batch found: each key with its value, or nothing.
pub(crate) type Found = Vec<Option<(String, Vec<u8>)>>;

/// The value of a key.
pub(crate) fn get(connection: &Connection, key: &str) -> Result<Option<Vec<u8>>, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT value FROM entries WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Whether a key is there.
pub(crate) fn exists(connection: &Connection, key: &str) -> Result<bool, StoreFault> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM entries WHERE key = ?1")?;
    Ok(statement.exists([key])?)
}

/// The values of several keys at one moment, with their keys, in the keys' order; `most` bounds their bytes.
pub(crate) fn get_many(
    connection: &Connection,
    keys: Vec<String>,
    most: ByteSize,
) -> Result<Found, StoreFault> {
    check_batch(keys.len())?;
    let snapshot = connection.unchecked_transaction()?;
    let mut left = most.bytes();
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let value = get(&snapshot, &key)?;
        let bytes = value.as_ref().map_or(0, |value| value.len() + key.len()) as u64;
        let too_much = StoreFault::TooMuch { name: LimitName::HostcallFuel, value: LimitValue::Bytes(most) };
        left = left.checked_sub(bytes).ok_or(too_much)?;
        found.push(value.map(|value| (key, value)));
    }
    Ok(found)
}

/// Keys behind `cursor` in the order in which they were first set.
pub(crate) fn list(connection: &Connection, cursor: Option<u64>) -> Result<Page, StoreFault> {
    let after = i64::try_from(cursor.unwrap_or(0)).unwrap_or(i64::MAX);
    let mut statement =
        connection.prepare_cached("SELECT id, key FROM entries WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let rows = statement
        .query_map(params![after, PAGE_KEYS_MAX as i64 + 1], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>()?;
    let more = rows.len() > PAGE_KEYS_MAX;
    rows.truncate(PAGE_KEYS_MAX);
    let cursor = rows.last().filter(|_| more).and_then(|(id, _)| u64::try_from(*id).ok());
    Ok(Page { keys: rows.into_iter().map(|(_, key)| key).collect(), cursor })
}

/// Refuses a key that is too long.
fn check_key(key: &str) -> Result<(), StoreFault> {
    if key.len() > KEY_BYTES_MAX { Err(StoreFault::KeyTooLong { bytes: key.len() }) } else { Ok(()) }
}

fn check_batch(keys: usize) -> Result<(), StoreFault> {
    if keys > BATCH_KEYS_MAX { Err(StoreFault::BatchTooLarge { keys }) } else { Ok(()) }
}

impl Change {
    /// Refuses what no store takes, before anything is done.
    pub(crate) fn check(&self) -> Result<(), StoreFault> {
        match self {
            Change::Set(pairs) => {
                check_batch(pairs.len())?;
                pairs.iter().try_for_each(|(key, _)| check_key(key))
            }
            Change::Delete(keys) => check_batch(keys.len()),
            Change::Increment { key, .. } => check_key(key),
        }
    }

    /// Makes the change within a transaction that the caller ends: undo it after an error.
    ///
    /// # Errors
    /// [`StoreFault::Limit`] when the store has grown beyond `most`; what makes it smaller is always allowed.
    pub(crate) fn apply(self, connection: &Connection, most: ByteSize) -> Result<Changed, StoreFault> {
        let before = used_bytes(connection)?;
        let changed = self.rows(connection)?;
        let after = used_bytes(connection)?;
        if after > before && after > most.bytes() {
            return Err(StoreFault::Limit { name: LimitName::KvSize, value: LimitValue::Bytes(most) });
        }
        Ok(changed)
    }

    fn rows(self, connection: &Connection) -> Result<Changed, StoreFault> {
        match self {
            Change::Set(pairs) => {
                pairs.iter().try_for_each(|(key, value)| set(connection, key, value))?;
                Ok(Changed::Done)
            }
            Change::Delete(keys) => {
                let mut statement = connection.prepare_cached("DELETE FROM entries WHERE key = ?1")?;
                keys.iter().try_for_each(|key| statement.execute([key]).map(drop))?;
                Ok(Changed::Done)
            }
            Change::Increment { key, delta } => {
                let sum = number(get(connection, &key)?)?.checked_add(delta).ok_or(StoreFault::Overflow)?;
                set(connection, &key, sum.to_string().as_bytes())?;
                Ok(Changed::Number(sum))
            }
        }
    }
}

/// A row keeps its place in listings when its value changes.
fn set(connection: &Connection, key: &str, value: &[u8]) -> Result<(), StoreFault> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO entries (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?;
    statement.execute(params![key, value])?;
    Ok(())
}

fn number(value: Option<Vec<u8>>) -> Result<u64, StoreFault> {
    let Some(value) = value else { return Ok(0) };
    let text = std::str::from_utf8(&value).ok().map(str::trim_ascii);
    text.and_then(|text| text.parse().ok()).ok_or(StoreFault::NotANumber)
}

/// What the store's pages take on disk, those left out that are free.
fn used_bytes(connection: &Connection) -> Result<u64, StoreFault> {
    let number = |pragma: &str| -> Result<u64, StoreFault> {
        let number: i64 = connection.prepare_cached(pragma)?.query_row([], |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    };
    let pages = number("PRAGMA page_count")?.saturating_sub(number("PRAGMA freelist_count")?);
    Ok(pages * PAGE_BYTES)
}

/// SQLite's page size, which stores are made with.
const PAGE_BYTES: u64 = 4096;
