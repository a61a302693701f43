//! The power fails: what was not synced may be on the disk or not, in part or as a whole.
//!
//! SQLite appends to its log and syncs it with each commit (`synchronous = FULL`). So a disk that lost power holds the
//! log up to the last commit at least, and beyond it any part of what was being written, also as garbage. Each test
//! makes every such disk from the files of a real database and opens it.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::reconcile::{AppId, Record};

/// `PRAGMA page_size`, and a frame's head before its page (SQLite, "File Format", 4.1).
const PAGE: usize = 4096;
const FRAME: usize = 24 + PAGE;
const HEAD: usize = 32;

/// What a disk is to hold: all acknowledged changes, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    wanted: Option<u64>,
    good: Option<u64>,
    failed: BTreeSet<u64>,
    tenants: Vec<String>,
    tokens: usize,
}

fn web() -> AppId {
    AppId { tenant: "acme".parse().expect("a name"), app: "web".parse().expect("a name") }
}

fn known(db: &Db) -> Known {
    let apps = db.apps().expect("read");
    let history = db.history(&web()).expect("read");
    for row in &history {
        assert_eq!(db.release(&web(), row.revision).expect("whole").version, row.revision.to_string());
    }
    let tokens = db.connection.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0));
    Known {
        wanted: apps.first().map(|(_, _, app)| app.wanted.0),
        good: apps.first().and_then(|(_, _, app)| app.good).map(|good| good.0),
        failed: history.iter().filter(|row| row.failed.is_some()).map(|row| row.revision.0).collect(),
        tenants: db.tenants().expect("read"),
        tokens: tokens.map(|count: i64| usize::try_from(count).expect("a count")).expect("read"),
    }
}

type Change = fn(&mut Db, u64);

/// Everything that a node acknowledges.
const CHANGES: [Change; 6] = [
    |db, number| {
        let artifacts = BTreeMap::from([("api".to_owned(), "x".repeat(3 * PAGE))]);
        let release = Release { version: number.to_string(), manifest: String::new(), base: None, artifacts };
        assert_eq!(db.deploy(&web(), &release).expect("deployed"), Revision(number));
    },
    |db, number| {
        db.record(&Record::Good { app: web(), revision: Revision(number) }).expect("recorded");
    },
    |db, number| {
        let reason = "trap".to_owned();
        db.record(&Record::Failed { app: web(), revision: Revision(number), reason }).expect("recorded");
    },
    |db, number| {
        db.put_tenant(&format!("tenant-{number}").parse().expect("a name"), None).expect("put");
    },
    |db, _| {
        let bearer = Bearer { tenant: web().tenant, role: Role::Deploy };
        db.create_token(&bearer, None).expect("made");
    },
    |db, number| db.want(&web(), Revision(number)).expect("wanted"),
];

/// A database in `folder` that has seen changes, with what was known after each and the log's length then.
fn lived(folder: &Path) -> (Db, Vec<(usize, Known)>) {
    let (mut db, _) = Db::open(folder).expect("opened");
    // A checkpoint empties the log: what it leaves is another test's matter.
    db.connection.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
    db.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("emptied");
    let length = |folder: &Path| std::fs::metadata(folder.join("state.db-wal")).map_or(0, |file| file.len());
    let mut moments = vec![(usize::try_from(length(folder)).expect("small"), known(&db))];
    for number in 1..=4 {
        for change in CHANGES {
            change(&mut db, number);
            moments.push((usize::try_from(length(folder)).expect("small"), known(&db)));
        }
    }
    (db, moments)
}

/// Opens a disk that holds this; what it knows.
fn after(database: &[u8], log: &[u8]) -> Known {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("state.db"), database).expect("written");
    std::fs::write(folder.path().join("state.db-wal"), log).expect("written");
    // Space that is set aside already takes no time.
    std::fs::write(folder.path().join("reserve"), "").expect("written");
    let (db, recovered) = Db::open(folder.path()).expect("opened");
    assert_eq!(recovered, None, "nothing is broken");
    known(&db)
}

#[test]
fn what_was_acknowledged_is_there_wherever_the_log_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (db, moments) = lived(folder.path());
    let database = std::fs::read(folder.path().join("state.db")).expect("read");
    let log = std::fs::read(folder.path().join("state.db-wal")).expect("read");
    assert!(
        moments.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "each change is in the log when it returns"
    );
    let frames = (log.len() - HEAD) / FRAME;
    assert!(frames > moments.len(), "some changes take several frames");
    let cuts =
        (0..=frames).map(|frame| HEAD + frame * FRAME).flat_map(|end| [end, end + 12, end + FRAME / 2]);
    for cut in cuts.chain([0, HEAD / 2]).filter(|cut| *cut <= log.len()) {
        let expected = &moments.iter().rev().find(|(length, _)| *length <= cut).unwrap_or(&moments[0]).1;
        let mut torn = log[..cut].to_vec();
        assert_eq!(after(&database, &torn), *expected, "the log ends at {cut}");
        // The file has its new length, and of what was written in between nothing, or something else.
        for garbage in [0, 0x5a] {
            torn.resize(log.len(), garbage);
            assert_eq!(after(&database, &torn), *expected, "the log has {garbage:#x} from {cut} on");
            torn.truncate(cut);
        }
    }
    drop(db);
}

#[test]
fn what_was_acknowledged_is_there_wherever_a_checkpoint_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (db, moments) = lived(folder.path());
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("read");
    let (before, log) = (read("state.db"), read("state.db-wal"));
    db.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)").expect("written back");
    let written = read("state.db");
    assert_ne!(before, written);
    let last = &moments.last().expect("moments").1;
    for page in 0..=written.len() / PAGE {
        for end in [page * PAGE, page * PAGE + 512].into_iter().filter(|end| *end <= written.len()) {
            // Pages are written in any order: those before this one, and those after it.
            let mut first = before.clone();
            first.resize(before.len().max(end), 0);
            first[..end].copy_from_slice(&written[..end]);
            assert_eq!(after(&first, &log), *last, "written back up to {end}");
            let mut rest = written.clone();
            rest[..end.min(before.len())].copy_from_slice(&before[..end.min(before.len())]);
            assert_eq!(after(&rest, &log), *last, "written back from {end} on");
        }
    }
    assert_eq!(after(&written, &[]), *last, "the log may go once all is written back");
}

#[test]
fn a_copy_that_was_being_written_is_the_old_one_or_the_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut db, _) = Db::open(folder.path()).expect("opened");
    let copy = folder.path().join("apps/acme.web.json");
    let mut texts = Vec::new();
    for number in 1..=2 {
        CHANGES[0](&mut db, number);
        CHANGES[1](&mut db, number);
        texts.push(std::fs::read(&copy).expect("a copy"));
    }
    drop(db);
    // The new text is whole and synced before it gets its name: until then it is in a file of another name.
    let (old, new) = (&texts[0], &texts[1]);
    for end in [0, 1, new.len() / 2, new.len() - 1, new.len()] {
        std::fs::write(&copy, old).expect("the old one");
        std::fs::write(copy.with_extension("new"), &new[..end]).expect("a part of the new one");
        assert_eq!(good_copies(folder.path()), [1]);
    }
    std::fs::write(&copy, new).expect("the new one");
    assert_eq!(good_copies(folder.path()), [2]);
    assert!(!copy.with_extension("new").exists(), "what is left over is removed");
}

/// The revisions of the copies that come back when there is no database.
fn good_copies(folder: &Path) -> Vec<u64> {
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    std::fs::write(folder.join("state.db"), "broken").expect("written");
    let (db, recovered) = Db::open(folder).expect("opened");
    assert!(recovered.is_some());
    db.apps().expect("read").iter().filter_map(|(_, _, app)| app.good).map(|good| good.0).collect()
}
