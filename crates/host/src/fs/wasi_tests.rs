//! The same guarantees through the interfaces of 0.2 and 0.3, called as the bindings call them.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tombolo_engine::{Engine, EngineClass, EngineOptions};
use wasmtime::Store;
use wasmtime::component::{Accessor, Resource};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::preopens::Host as _;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor as _;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;
use wasmtime_wasi::p3::bindings::filesystem::types::HostDescriptorWithStore as _;
use wasmtime_wasi::p3::filesystem::FilesystemResult;

use super::Blocking;
use super::p2::HasFs;
use crate::testing::{grants, refusals};
use crate::{Guest, Stdio, Template, TemplateParts};

struct Tree {
    root: tempfile::TempDir,
    template: Arc<Template>,
}

/// `rw` and `ro` granted, a canary beside them, links out and a FIFO inside.
fn tree(blocking: Blocking) -> Tree {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("rw/sub")).unwrap();
    fs::create_dir(at("ro")).unwrap();
    fs::write(at("canary"), "canary").unwrap();
    fs::write(at("rw/file"), "read-write").unwrap();
    fs::write(at("ro/file"), "read-only").unwrap();
    symlink("../canary", at("rw/out")).unwrap();
    mknodat(CWD, at("rw/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let mut parts =
        TemplateParts::new("test", grants(&["dir ./rw as /rw read-write", "dir ./ro as /ro read"]));
    parts.base = root.path().to_owned();
    parts.blocking = blocking;
    let template = Arc::new(Template::prepare(parts).unwrap());
    Tree { root, template }
}

/// The paths and what opening them for reading comes to.
const PATHS: [(&str, &str); 9] = [
    ("file", "ok"),
    ("sub/../file", "ok"),
    ("../canary", "not permitted"),
    ("sub/../../canary", "not permitted"),
    ("/etc/passwd", "not permitted"),
    ("out", "not permitted"),
    ("fifo", "not permitted"),
    ("nothing", "no entry"),
    ("file/", "not a directory"),
];

fn said_p2<T>(result: FsResult<T>) -> &'static str {
    match result.map_err(|error| error.downcast().unwrap()) {
        Ok(_) => "ok",
        Err(p2::ErrorCode::NotPermitted) => "not permitted",
        Err(p2::ErrorCode::NoEntry) => "no entry",
        Err(p2::ErrorCode::NotDirectory) => "not a directory",
        Err(p2::ErrorCode::CrossDevice) => "another device",
        Err(_) => "something else",
    }
}

fn said_p3<T>(result: FilesystemResult<T>) -> &'static str {
    match result.map_err(|error| error.downcast().unwrap()) {
        Ok(_) => "ok",
        Err(p3::ErrorCode::NotPermitted) => "not permitted",
        Err(p3::ErrorCode::NoEntry) => "no entry",
        Err(p3::ErrorCode::NotDirectory) => "not a directory",
        Err(_) => "something else",
    }
}

/// A second handle to a descriptor, as a borrow in a call is.
fn borrow(fd: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

#[tokio::test]
async fn paths_of_0_2_stay_below_their_grant() {
    for blocking in [Blocking::Inline, Blocking::Pool] {
        let tree = tree(blocking);
        let mut guest = tree.template.instantiate(Stdio::null());
        let dirs = guest.fs().get_directories().unwrap();
        let names: Vec<&str> = dirs.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["/rw", "/ro"]);
        let rw = &dirs[0].0;
        for (path, expected) in PATHS {
            let (follow, read) = (p2::PathFlags::SYMLINK_FOLLOW, p2::DescriptorFlags::READ);
            let opened =
                guest.fs().open_at(borrow(rw), follow, path.into(), p2::OpenFlags::empty(), read).await;
            assert_eq!(said_p2(opened), expected, "{path}");
        }
        let set = |time| p2::NewTimestamp::Timestamp(time);
        let epoch = wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime { seconds: 1, nanoseconds: 0 };
        let follow = p2::PathFlags::SYMLINK_FOLLOW;
        let times = guest.fs().set_times_at(borrow(rw), follow, "out".into(), set(epoch), set(epoch)).await;
        assert_eq!(said_p2(times), "not permitted");
        let times = guest.fs().set_times_at(borrow(rw), follow, "fifo".into(), set(epoch), set(epoch)).await;
        assert_eq!(said_p2(times), "ok", "and does not hang");
        assert!(refusals(&tree.template).iter().any(|line| line.contains("it is a FIFO")));
    }
}

#[tokio::test]
async fn what_0_2_opens_below_a_grant_has_that_grants_rights() {
    let tree = tree(Blocking::Inline);
    let mut guest = tree.template.instantiate(Stdio::null());
    let dirs = guest.fs().get_directories().unwrap();
    let (rw, ro) = (&dirs[0].0, &dirs[1].0);
    let (follow, none) = (p2::PathFlags::empty(), p2::OpenFlags::empty());
    let write = p2::DescriptorFlags::READ | p2::DescriptorFlags::WRITE;
    let denied = guest.fs().open_at(borrow(ro), follow, "file".into(), none, write).await;
    assert_eq!(said_p2(denied), "not permitted");
    let truncate = p2::OpenFlags::TRUNCATE;
    let read = p2::DescriptorFlags::READ;
    let denied = guest.fs().open_at(borrow(ro), follow, "file".into(), truncate, read).await;
    assert_eq!(said_p2(denied), "not permitted");
    let denied = guest.fs().rename_at(borrow(rw), "file".into(), borrow(ro), "x".into()).await;
    assert_eq!(said_p2(denied), "not permitted");
    let denied = guest.fs().link_at(borrow(ro), follow, "file".into(), borrow(rw), "x".into()).await;
    assert_eq!(said_p2(denied), "not permitted");

    let sub =
        guest.fs().open_at(borrow(rw), follow, "sub".into(), p2::OpenFlags::DIRECTORY, read).await.unwrap();
    let made =
        guest.fs().open_at(borrow(&sub), follow, "new".into(), p2::OpenFlags::CREATE, write).await.unwrap();
    assert_eq!(guest.fs().write(borrow(&made), b"text".to_vec(), 0).await.unwrap(), 4);
    let stat = guest.fs().stat(borrow(&made)).await.unwrap();
    assert_eq!(stat.size, 4);
    let by_path = guest.fs().metadata_hash_at(borrow(&sub), follow, "new".into()).await.unwrap();
    let by_fd = guest.fs().metadata_hash(borrow(&made)).await.unwrap();
    assert_eq!((by_path.lower, by_path.upper), (by_fd.lower, by_fd.upper));
    assert_eq!(fs::read_to_string(tree.root.path().join("rw/sub/new")).unwrap(), "text");
    let report = tree.template.ledger().report();
    assert_eq!(report.grants[0].used, 3, "two opens and a hash by path");
    assert_eq!((report.grants[0].refused, report.grants[1].refused), (0, 4));
}

#[tokio::test]
async fn paths_of_0_3_stay_below_their_grant() {
    let tree = tree(Blocking::Pool);
    let engine = Engine::new(&EngineOptions::new(EngineClass::Concurrent).with_compiler(true)).unwrap();
    let mut store = Store::new(engine.raw(), tree.template.instantiate(Stdio::null()));
    store
        .run_concurrent(async |accessor| check_p3(&accessor.with_getter::<HasFs>(Guest::fs)).await)
        .await
        .unwrap();
    assert_eq!(fs::read_to_string(tree.root.path().join("canary")).unwrap(), "canary");
    let report = tree.template.ledger().report();
    assert_eq!((report.grants[0].refused, report.grants[1].refused), (6, 2));
}

async fn check_p3(store: &Accessor<Guest, HasFs>) {
    let dirs = store.with(|mut store| store.get().preopened()).unwrap();
    let (rw, ro) = (&dirs[0].0, &dirs[1].0);
    let (follow, none) = (p3::PathFlags::SYMLINK_FOLLOW, p3::OpenFlags::empty());
    let read = p3::DescriptorFlags::READ;
    for (path, expected) in PATHS {
        let opened = HasFs::open_at(store, borrow(rw), follow, path.into(), none, read).await;
        assert_eq!(said_p3(opened), expected, "{path}");
    }
    let write = p3::DescriptorFlags::WRITE;
    let denied = HasFs::open_at(store, borrow(ro), follow, "file".into(), none, write).await;
    assert_eq!(said_p3(denied), "not permitted");
    let denied = HasFs::rename_at(store, borrow(rw), "file".into(), borrow(ro), "x".into()).await;
    assert_eq!(said_p3(denied), "not permitted");
    let denied = HasFs::unlink_file_at(store, borrow(rw), "../canary".into()).await;
    assert_eq!(said_p3(denied), "not permitted");
    assert_eq!(said_p3(HasFs::create_directory_at(store, borrow(rw), "made".into()).await), "ok");
    let stat = HasFs::stat_at(store, borrow(rw), follow, "made".into()).await.unwrap();
    assert!(matches!(stat.type_, p3::DescriptorType::Directory));
    assert_eq!(said_p3(HasFs::stat(store, borrow(rw)).await), "ok", "handed on to wasmtime-wasi");
}
