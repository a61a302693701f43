//! The database on a real disk.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use super::*;
use crate::reconcile::{AppId, Record};

fn app(tenant: &str, app: &str) -> AppId {
    AppId { tenant: tenant.parse().expect("a name"), app: app.parse().expect("a name") }
}

fn release(version: &str) -> Release {
    let artifacts = BTreeMap::from([("api".to_owned(), format!("sha256:{}", "0".repeat(64)))]);
    Release { version: version.into(), manifest: "name = …".into(), base: None, artifacts }
}

fn open(folder: &Path) -> Db {
    let (db, recovered) = Db::open(folder).expect("opened");
    assert_eq!(recovered, None);
    db
}

#[test]
fn what_was_deployed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = open(folder.path());
    let id = app("acme", "web");
    assert_eq!(db.deploy(&id, &release("1")).expect("deployed"), Revision(1));
    assert_eq!(db.deploy(&id, &release("2")).expect("deployed"), Revision(2));
    db.record(&Record::Good { app: id.clone(), revision: Revision(1) }).expect("recorded");
    let failed = Record::Failed { app: id.clone(), revision: Revision(2), reason: "trap".into() };
    db.record(&failed).expect("recorded");
    drop(db);

    let mut db = open(folder.path());
    let apps = db.apps().expect("read");
    assert_eq!(apps.len(), 1);
    assert_eq!((apps[0].2.wanted, apps[0].2.good), (Revision(2), Some(Revision(1))));
    assert_eq!(apps[0].2.failed[&Revision(2)], "trap");
    assert_eq!(db.release(&id, Revision(2)).expect("kept").version, "2");
    db.want(&id, Revision(2)).expect("wanted again");
    assert!(db.apps().expect("read")[0].2.failed.is_empty(), "what is wanted anew is tried anew");
    assert!(matches!(db.want(&id, Revision(9)), Err(DbError::NoRevision(Revision(9)))));
}

#[test]
fn old_revisions_go_and_the_good_one_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = open(folder.path());
    let id = app("acme", "web");
    for number in 1..=60 {
        db.deploy(&id, &release(&number.to_string())).expect("deployed");
        if number == 3 {
            db.record(&Record::Good { app: id.clone(), revision: Revision(3) }).expect("recorded");
        }
    }
    let history = db.history(&id).expect("read");
    assert_eq!(history.len(), 21);
    assert_eq!(history[0].revision, Revision(60));
    assert_eq!(history[20].revision, Revision(3));
}

#[test]
fn a_removed_app_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = open(folder.path());
    let id = app("acme", "web");
    db.deploy(&id, &release("1")).expect("deployed");
    db.record(&Record::Good { app: id.clone(), revision: Revision(1) }).expect("recorded");
    assert!(db.remove(&id).expect("removed"));
    assert!(!db.remove(&id).expect("nothing to remove"));
    assert_eq!(db.artifacts().expect("read").len(), 0);
    assert_eq!(std::fs::read_dir(folder.path().join("apps")).expect("readable").count(), 0);
}

#[test]
fn a_broken_database_is_put_aside_and_the_last_good_apps_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, new) = (app("acme", "web"), app("acme", "new"));
    let mut db = open(folder.path());
    db.deploy(&good, &release("1")).expect("deployed");
    db.deploy(&good, &release("2")).expect("deployed");
    db.record(&Record::Good { app: good.clone(), revision: Revision(2) }).expect("recorded");
    db.deploy(&new, &release("1")).expect("deployed");
    drop(db);

    let mut file = OpenOptions::new().write(true).open(folder.path().join("state.db")).expect("opened");
    file.seek(SeekFrom::Start(0)).expect("sought");
    file.write_all(&[0x5a; 4096]).expect("broken");
    drop(file);
    let _ = std::fs::remove_file(folder.path().join("state.db-wal"));

    let (mut db, recovered) = Db::open(folder.path()).expect("opened all the same");
    let recovered = recovered.expect("said loudly");
    assert_eq!(recovered.apps, 1);
    assert!(recovered.aside.exists());
    let apps = db.apps().expect("read");
    assert_eq!(apps.len(), 1);
    assert_eq!((&apps[0].0, apps[0].2.good), (&good, Some(Revision(2))));
    assert_eq!(db.release(&good, Revision(2)).expect("there").version, "2");
    assert_eq!(db.deploy(&good, &release("3")).expect("deployed"), Revision(3));
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path());
    db.connection.pragma_update(None, "user_version", 99).expect("set");
    drop(db);
    assert!(matches!(Db::open(folder.path()), Err(DbError::Newer { found: 99, .. })));
}

#[test]
fn a_tenant_has_the_ceiling_that_was_given_last() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut db = open(folder.path());
    let acme = "acme".parse().expect("a name");
    assert!(!db.has_tenant(&acme).expect("read"));
    db.put_tenant(&acme, Some("mode = \"narrow\"")).expect("put");
    assert_eq!(db.ceiling(&acme).expect("read").as_deref(), Some("mode = \"narrow\""));
    db.put_tenant(&acme, None).expect("put");
    assert_eq!(db.ceiling(&acme).expect("read"), None);
    assert_eq!(db.tenants().expect("read"), ["acme"]);
}
