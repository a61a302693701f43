use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use tombolo_spec::{LimitOverrides, Limits, Profile};

use super::error::StoreFault;
use super::file::StoreFile;
use super::ops::{self, Change, Changed};
use super::*;

fn limits(line: &str) -> Limits {
    let mut limits = LimitOverrides::default();
    limits.set_line(line).unwrap();
    limits.resolve(Profile::Serve)
}

fn open(root: &Path) -> Arc<Store> {
    let store = Store::prepare(root, "readings").unwrap();
    store.open(2, true).unwrap();
    Arc::new(store)
}

fn set(pairs: &[(&str, &[u8])]) -> Change {
    Change::Set(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect())
}

async fn make(store: &Store, change: Change) -> Result<Changed, StoreFault> {
    store.change(change, &limits("kv-size=1MiB")).await
}

fn get(store: &Store, key: &str) -> Option<Vec<u8>> {
    store.read(|connection| ops::get(connection, key)).unwrap()
}

#[tokio::test]
async fn what_was_written_is_read_by_all_connections_and_after_opening_again() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    assert_eq!(get(&store, "a"), None);
    make(&store, set(&[("a", b"1"), ("b", &[0, 255])])).await.unwrap();
    make(&store, Change::Delete(vec!["a".into(), "not there".into()])).await.unwrap();
    let other_thread = Arc::clone(&store);
    let there = std::thread::spawn(move || get(&other_thread, "b")).join().unwrap();
    assert_eq!((get(&store, "a"), there), (None, Some(vec![0, 255])));
    drop(store);
    assert_eq!(get(&open(folder.path()), "b"), Some(vec![0, 255]));
}

#[tokio::test]
async fn a_batch_that_is_refused_leaves_nothing_and_takes_no_other_change_with_it() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let large = vec![7; 900 << 10];
    let refused = make(&store, set(&[("x", b"1"), ("large", &large), ("larger", &large)]));
    let fine = make(&store, set(&[("y", b"2")]));
    let (refused, fine) = tokio::join!(refused, fine);
    assert!(matches!(refused, Err(StoreFault::Limit { .. })), "{refused:?}");
    fine.unwrap();
    assert_eq!((get(&store, "x"), get(&store, "large"), get(&store, "y")), (None, None, Some(b"2".to_vec())));
}

#[tokio::test]
async fn a_full_store_takes_what_makes_it_smaller() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    make(&store, set(&[("a", &vec![1; 600 << 10])])).await.unwrap();
    let full = make(&store, set(&[("b", &vec![1; 600 << 10])])).await.unwrap_err();
    assert_eq!(full.to_string(), "the store is full: the limit kv-size=1MiB is reached");
    make(&store, set(&[("a", &vec![2; 500 << 10])])).await.unwrap();
    make(&store, Change::Delete(vec!["a".into()])).await.unwrap();
    make(&store, set(&[("b", &vec![1; 600 << 10])])).await.unwrap();
}

#[tokio::test]
async fn increments_from_many_places_are_all_counted() {
    let folder = TempDir::new().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let increment = |store: &Arc<Store>| {
        let store = Arc::clone(store);
        tokio::spawn(async move { make(&store, Change::Increment { key: "n".into(), delta: 2 }).await })
    };
    let tasks: Vec<_> = (0..100).map(|n| increment(if n % 2 == 0 { &one } else { &other })).collect();
    let mut seen: Vec<u64> = Vec::new();
    for task in tasks {
        let Changed::Number(sum) = task.await.unwrap().unwrap() else { panic!("a number") };
        seen.push(sum);
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=100).map(|n| n * 2).collect::<Vec<u64>>());
}

#[tokio::test]
async fn what_is_no_number_is_not_incremented_and_no_sum_wraps_round() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let increment = |delta| Change::Increment { key: "n".into(), delta };
    make(&store, set(&[("n", b"many")])).await.unwrap();
    assert_eq!(make(&store, increment(1)).await, Err(StoreFault::NotANumber));
    make(&store, set(&[("n", b"18446744073709551614")])).await.unwrap();
    assert_eq!(make(&store, increment(1)).await, Ok(Changed::Number(u64::MAX)));
    assert_eq!(make(&store, increment(1)).await, Err(StoreFault::Overflow));
    assert_eq!(get(&store, "n"), Some(b"18446744073709551615".to_vec()));
}

#[tokio::test]
async fn keys_are_listed_in_pages_that_are_bounded() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let names: Vec<String> = (0..2500).map(|n| format!("key-{n}")).collect();
    for part in names.chunks(BATCH_KEYS_MAX) {
        let pairs = part.iter().map(|key| (key.clone(), Vec::new())).collect();
        make(&store, Change::Set(pairs)).await.unwrap();
    }
    let page = |cursor| store.read(|connection| ops::list(connection, cursor)).unwrap();
    let (mut keys, mut sizes, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let mut next = page(cursor);
        sizes.push(next.keys.len());
        keys.append(&mut next.keys);
        cursor = next.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((sizes, keys), (vec![1000, 1000, 500], names));
    assert_eq!(page(Some(u64::MAX)).keys, Vec::<String>::new());
}

#[tokio::test]
async fn keys_and_batches_have_a_largest_size() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let error = make(&store, set(&[(&long, b"")])).await.unwrap_err();
    assert_eq!(error.to_string(), "a key of 1025 bytes; the longest has 1024");
    assert_eq!(get(&store, &long), None);
    let many = vec!["k".to_owned(); BATCH_KEYS_MAX + 1];
    let error = make(&store, Change::Delete(many.clone())).await.unwrap_err();
    assert_eq!(error, StoreFault::BatchTooLarge { keys: 1001 });
    let most = tombolo_spec::ByteSize(1 << 20);
    let read = store.read(|connection| ops::get_many(connection, many, most));
    assert_eq!(read, Err(StoreFault::BatchTooLarge { keys: 1001 }));
}

#[tokio::test]
async fn a_batch_reads_in_the_order_of_its_keys_and_no_more_than_a_call_may_copy() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    make(&store, set(&[("a", &[1; 600]), ("b", &[2; 600])])).await.unwrap();
    let read = |keys: &[&str], most| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        store.read(|connection| ops::get_many(connection, keys, tombolo_spec::ByteSize(most)))
    };
    let found = read(&["b", "none", "a"], 1202).unwrap();
    let keys: Vec<_> = found.iter().map(|pair| pair.as_ref().map(|(key, _)| key.as_str())).collect();
    assert_eq!(keys, [Some("b"), None, Some("a")]);
    assert!(matches!(read(&["b", "a"], 1201), Err(StoreFault::TooMuch { .. })));
}

#[test]
fn a_commit_is_on_the_disk_before_it_is_answered() {
    let folder = TempDir::new().unwrap();
    let file = StoreFile::prepare(folder.path(), "readings").unwrap();
    let writer = file.open_writer().unwrap();
    let setting =
        |name: &str| writer.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    assert_eq!(setting("synchronous").unwrap(), 2.into(), "FULL");
    assert_eq!(setting("journal_mode").unwrap(), "wal".to_owned().into());
}

#[test]
fn nothing_can_be_changed_where_only_reading_was_asked_for() {
    let folder = TempDir::new().unwrap();
    let store = Store::prepare(folder.path(), "readings").unwrap();
    store.open(1, false).unwrap();
    let write = store.read(|connection| Ok(connection.execute("DELETE FROM entries", [])?));
    assert!(write.is_err(), "{write:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(make(&store, set(&[("a", b"")]))).is_err());
}

#[track_caller]
fn refuses(folder: &Path, expected: &str) {
    let file = StoreFile::prepare(folder, "readings").unwrap();
    let error = file.open_writer().map(drop).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
    let named = format!("the store \"readings\": {}/kv/readings/store.sqlite3: ", folder.display());
    assert!(error.starts_with(&named), "{error}");
}

fn with_file(make: impl FnOnce(&Path)) -> TempDir {
    let folder = TempDir::new().unwrap();
    StoreFile::prepare(folder.path(), "readings").unwrap();
    make(&folder.path().join("kv/readings/store.sqlite3"));
    folder
}

#[test]
fn a_file_that_is_no_store_is_an_error_that_says_what_to_do() {
    let garbage = with_file(|path| std::fs::write(path, [7; 8192]).unwrap());
    refuses(garbage.path(), "is damaged, or is no store");
    let foreign = with_file(|path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE cookies (name TEXT)").unwrap();
    });
    refuses(foreign.path(), "is a SQLite file of another program; restore it from a backup, or move it away");
    let newer = with_file(|path| {
        Connection::open(path)
            .unwrap()
            .execute_batch("PRAGMA user_version = 2; PRAGMA application_id = 1416454763")
            .unwrap();
    });
    refuses(newer.path(), "was made by a newer tombolo (format 2, known is 1)");
    let folder = with_file(|path| std::fs::create_dir(path).unwrap());
    refuses(folder.path(), "cannot be opened");
    let link = with_file(|path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap());
    refuses(link.path(), "cannot be opened");
}

#[tokio::test]
async fn damage_inside_is_told_to_the_guest_and_is_no_crash() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path());
    let values: Vec<_> = (0..50).map(|n| (format!("key-{n}"), vec![n; 8000])).collect();
    make(&store, Change::Set(values)).await.unwrap();
    drop(store);
    let path = folder.path().join("kv/readings/store.sqlite3");
    // The log's content goes into the file itself.
    let checkpoint = Connection::open(&path).unwrap();
    checkpoint.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    checkpoint.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(checkpoint);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[3 * 4096..].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let store = open(folder.path());
    let read = store.read(|connection| ops::get(connection, "key-7"));
    assert_eq!(read, Err(StoreFault::Damaged));
}

#[test]
fn a_store_that_another_program_holds_is_busy_and_not_damaged() {
    let folder = with_file(|_| {});
    let path = folder.path().join("kv/readings/store.sqlite3");
    let holder = Connection::open(path).unwrap();
    holder.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    refuses(folder.path(), "another process holds it; end that process, or wait until it is done");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("kv"), "").unwrap();
    let error = StoreFile::prepare(folder.path(), "readings").map(drop).unwrap_err().to_string();
    assert!(error.contains("kv/readings cannot be used: Not a directory"), "{error}");
    assert!(error.ends_with("name another one with --data"), "{error}");
}

#[test]
fn data_is_for_its_owner_alone() {
    let folder = TempDir::new().unwrap();
    let _store = open(&folder.path().join("apps/meter"));
    for path in ["apps", "apps/meter", "apps/meter/kv/readings"] {
        let mode = std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path}");
    }
}
