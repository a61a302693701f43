//! Volumes on a node: an app's data stays what it is, whatever becomes of revisions, cells and the node, and never
//! grows over its quota, also while two revisions write.

use std::collections::HashMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FlockOperation, flock};
use tombolo_spec::VolumeCount;

use crate::attacker::{Arg, Attacker};
use crate::common::{Done, guest};
use crate::world::{App, Node, guest_app, path, signal};

const ON: &str = "http * /v/*";
const GRANT: &str = "\"volume cache as /cache 64KiB\"";
const QUOTA: u64 = 64 << 10;

fn apply_to(node: &Node, tenant: &str, app: &str, on: &str, grants: &str) -> Done {
    guest_app(node, tenant, app, &guest("c-volume"), on, grants)
}

/// Deploys the app `v`; `mark` makes another revision of it.
fn apply(node: &Node, mark: &str) -> Done {
    apply_to(node, "default", "v", ON, &format!("{GRANT}, \"env MARK={mark}\""))
}

#[track_caller]
fn ok(node: &Node, act: &str, number: u64) {
    let (status, body) = node.get(&format!("/v/{act}"));
    assert_eq!((status, body), (200, format!("ok {number}\n")), "{act}: {}", node.log());
}

#[track_caller]
fn refused(node: &Node, act: &str, error: &str) {
    let (status, body) = node.get(&format!("/v/{act}"));
    assert!(status == 507 && body.contains(error), "{act}: {status} {body}");
}

const FULL: &str = "Quota exceeded";

fn volumes(node: &Node) -> PathBuf {
    node.state().join("data/default/v/volumes")
}

/// The bytes of a volume on the disk, those of removed files with them, while nobody changes it; and what its count
/// says.
fn held(volumes: &Path) -> (u64, VolumeCount) {
    let count = std::fs::File::open(volumes.join("cache.count")).expect("a count");
    flock(&count, FlockOperation::LockExclusive).expect("locked");
    let mut files = HashMap::new();
    for folder in ["cache", "cache.removed"] {
        for entry in std::fs::read_dir(volumes.join(folder)).expect("readable") {
            let metadata = entry.expect("readable").metadata().expect("readable");
            files.insert(metadata.ino(), metadata.len());
        }
    }
    let said = std::fs::read(volumes.join("cache.count")).expect("readable");
    (files.values().sum(), VolumeCount::from_bytes(&said).expect("a count"))
}

/// It holds what it says it holds, and not more than it may.
#[track_caller]
fn is_exact(node: &Node) {
    let (bytes, said) = held(&volumes(node));
    assert!(said.is_finished);
    assert_eq!(bytes, said.held.bytes);
    assert!(bytes <= QUOTA, "{bytes}");
}

#[test]
fn what_a_volume_holds_stays_through_revisions_moves_kills_and_removal() {
    let node = Node::start_with(&["--trial", "50ms"]);
    apply(&node, "1").exits(0);
    ok(&node, "append/kept/1000", 1000);
    apply(&node, "2").exits(0);
    ok(&node, "append/kept/1", 1001);
    node.run(&["rollback", "v"]).exits(0);
    ok(&node, "append/kept/1", 1002);
    node.cells().into_iter().for_each(|cell| signal(cell, "KILL"));
    node.serves("/v/append/kept/1", "ok 1003\n");
    let node = node.again();
    node.serves("/v/length/kept", "ok 1003\n");
    is_exact(&node);
    node.run(&["remove", "v"]).exits(0);
    assert!(volumes(&node).join("cache/kept").is_file(), "data is not thrown away with the program");
    apply(&node, "3").exits(0);
    ok(&node, "length/kept", 1003);
}

#[test]
fn a_volume_moves_with_its_app_to_a_process_of_its_own_and_back() {
    let node = Node::start_with(&["--trial", "50ms"]);
    let own = |isolation: &str| {
        let manifest = format!(
            "name = \"v\"\nversion = \"1\"\nisolation = \"{isolation}\"\n[functions.web]\ncomponent = \"{}\"\non = [\"{ON}\"]\ngrants = [{GRANT}]\n",
            path(&guest("c-volume"))
        );
        let folder = crate::common::folder(&[("tombolo.toml", &manifest)]);
        node.run(&["apply", "-f", path(&folder.path().join("tombolo.toml"))]).exits(0);
    };
    node.apply(&App::saying("web", "http * /web/*", "well")).exits(0);
    for (number, isolation) in ["tenant", "app", "tenant"].into_iter().enumerate() {
        own(isolation);
        ok(&node, "append/kept/1000", (number as u64 + 1) * 1000);
    }
    node.until("the old cells are gone", || node.cells().len() == 1);
    is_exact(&node);
}

/// Asks for acts of all kinds until it is told to stop; returns how many were answered.
fn write_all_the_time(node: &Node, client: usize, stop: &AtomicBool) -> u64 {
    let mut answers = 0;
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let act = match round % 6 {
            0 => format!("append/own-{client}/700"),
            1 if client == 0 => "replace/shared/5000".to_owned(),
            1 => "append/shared/900".to_owned(),
            2 => format!("scratch/scratch-{client}/3000"),
            3 => "length/shared".to_owned(),
            4 if round % 5 == 0 => format!("drop/own-{client}"),
            _ => format!("replace/own-{client}/2000"),
        };
        let (status, body) = node.get(&format!("/v/{act}"));
        assert!(status == 200 || (status == 507 && body.contains(FULL)), "{act}: {status} {body}");
        answers += u64::from(status == 200);
    }
    answers
}

#[test]
fn two_revisions_write_to_one_volume_and_no_request_fails_and_no_byte_is_too_many() {
    let node = Node::start_with(&["--trial", "50ms"]);
    apply(&node, "0").exits(0);
    ok(&node, "append/base/30000", 30_000);
    ok(&node, "append/shared/1", 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|client| {
                scope.spawn({
                    let (node, stop) = (&node, &stop);
                    move || write_all_the_time(node, client, stop)
                })
            })
            .collect();
        let most = scope.spawn(|| {
            let mut most = 0;
            while !stop.load(Ordering::Relaxed) {
                let (bytes, said) = held(&volumes(&node));
                assert!(bytes <= QUOTA, "{bytes}");
                assert!(!said.is_finished || bytes == said.held.bytes, "{bytes} {said:?}");
                most = most.max(bytes);
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            most
        });
        for mark in ["1", "2", "3", "4", "5"] {
            apply(&node, mark).exits(0);
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no request failed") > 0);
        }
        assert!(most.join().expect("never too many") > 30_000);
    });
    ok(&node, "length/base", 30_000);
    node.until("only the last cell is left", || node.cells().len() == 1);
    is_exact(&node);
}

#[test]
fn a_file_that_the_old_revision_has_open_counts_until_it_is_closed() {
    let node = Node::start_with(&["--trial", "50ms"]);
    apply(&node, "0").exits(0);
    ok(&node, "append/held/40000", 40_000);
    std::thread::scope(|scope| {
        let old = scope.spawn(|| node.get("/v/hold/held/6000"));
        node.until("it is open", || is_open(&node, "cache/held"));
        apply(&node, "1").exits(0);
        ok(&node, "drop/held", 0);
        refused(&node, "append/new/40000", FULL);
        is_exact(&node);
        assert_eq!(old.join().expect("an answer").0, 507, "it was full for the byte that was still to come");
    });
    ok(&node, "append/more/30000", 30_000);
    is_exact(&node);
    let removed = std::fs::read_dir(volumes(&node).join("cache.removed")).expect("readable");
    assert_eq!(removed.count(), 0);
}

fn is_open(node: &Node, file: &str) -> bool {
    let file = volumes(node).join(file);
    let open = |process: u32| {
        let descriptors = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        descriptors
            .into_iter()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file))
    };
    node.cells().into_iter().flat_map(crate::hostile::children_of).any(open)
}

#[test]
fn a_cell_that_is_killed_while_it_writes_leaves_a_right_count() {
    let node = Node::start_with(&["--trial", "50ms"]);
    apply(&node, "0").exits(0);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..2 {
            let (node, stop) = (&node, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let own = format!("own-{client}");
                    for act in [
                        &format!("replace/new-{client}/9000"),
                        &format!("append/{own}/3000"),
                        &format!("drop/{own}"),
                    ] {
                        // Who is killed does not answer.
                        let _ = node.try_get(&format!("/v/{act}"));
                    }
                }
            });
        }
        for mark in ["1", "2"] {
            let changing = scope.spawn({
                let node = &node;
                move || apply(node, mark)
            });
            for _ in 0..2 {
                node.cells().into_iter().for_each(|cell| signal(cell, "KILL"));
                std::thread::sleep(std::time::Duration::from_millis(150));
                let (bytes, _) = held(&volumes(&node));
                assert!(bytes <= QUOTA, "{bytes}");
            }
            let _ = changing.join();
        }
        stop.store(true, Ordering::Relaxed);
    });
    node.serves("/v/append/last/1", "ok 1\n");
    is_exact(&node);
    let node = node.again();
    node.serves("/v/append/last/1", "ok 2\n");
    is_exact(&node);
}

#[test]
fn tenants_have_volumes_of_the_same_name_for_themselves() {
    let node = Node::start_with(&["--trial", "50ms"]);
    node.run(&["tenant", "add", "acme"]).exits(0);
    apply(&node, "0").exits(0);
    apply_to(&node, "acme", "v", "http * /acme/*", GRANT).exits(0);
    ok(&node, "append/a/65536", 65_536);
    assert_eq!(node.get("/acme/append/a/10"), (200, "ok 10\n".into()));
    ok(&node, "length/a", 65_536);
    assert_eq!(held(&node.state().join("data/acme/v/volumes")).0, 10);
}

#[test]
fn functions_of_an_app_share_a_volume_each_up_to_its_own_size() {
    let node = Node::start_with(&["--trial", "50ms"]);
    let function = |name: &str, size: &str| {
        let component = guest("c-volume");
        let grants = format!("grants = [\"volume cache as /cache {size}\"]");
        format!(
            "[functions.{name}]\ncomponent = \"{}\"\non = [\"http * /{name}/*\"]\n{grants}\n",
            path(&component)
        )
    };
    let manifest =
        format!("name = \"v\"\nversion = \"1\"\n{}{}", function("v", "64KiB"), function("small", "16KiB"));
    let folder = crate::common::folder(&[("tombolo.toml", &manifest)]);
    node.run(&["apply", "-f", path(&folder.path().join("tombolo.toml"))]).exits(0);
    assert_eq!(node.get("/small/append/a/16384"), (200, "ok 16384\n".into()));
    assert_eq!(node.get("/small/append/a/1").0, 507);
    ok(&node, "append/a/1", 16_385);
    assert_eq!(node.get("/small/length/a"), (200, "ok 16385\n".into()));
    is_exact(&node);
}

#[test]
fn a_volume_that_holds_more_than_a_new_revision_may_is_read_and_shrinks() {
    let node = Node::start_with(&["--trial", "50ms"]);
    apply(&node, "0").exits(0);
    ok(&node, "append/a/40000", 40_000);
    apply_to(&node, "default", "v", ON, "\"volume cache as /cache 16KiB\"").exits(0);
    ok(&node, "length/a", 40_000);
    refused(&node, "append/b/1", FULL);
    node.until("the log says what to grant", || {
        let logs = node.run(&["logs", "v"]).exits(0).stdout;
        logs.contains("volume cache more than 16KiB") && logs.contains("volume cache as /cache 32KiB")
    });
    let volume = &node.app("v")["volumes"]["cache"];
    assert_eq!(
        (volume["held_bytes"].as_u64(), volume["size_bytes"].as_u64()),
        (Some(40_000), Some(16 << 10))
    );
    let said = node.run(&["status", "v"]).exits(0).stdout;
    assert!(said.contains("volume cache") && said.contains("40000 of 16384 bytes"), "{said}");
    ok(&node, "drop/a", 0);
    ok(&node, "append/b/1", 1);
    let ceiling = "mode = \"narrow\"\ngrants = [\"volume cache as / 8KiB\"]";
    let node = Node::start_under(ceiling);
    apply(&node, "0").exits(0);
    refused(&node, "append/a/8193", FULL);
    ok(&node, "length/a", 8192);
}

#[test]
fn a_folder_that_is_none_keeps_a_revision_from_serving_and_is_said() {
    let node = Node::start_with(&["--trial", "50ms"]);
    let elsewhere = node.folder.path().join("elsewhere");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    std::fs::create_dir_all(volumes(&node)).expect("a folder");
    symlink(&elsewhere, volumes(&node).join("cache")).expect("a link");
    node.apply(&App::saying("v", ON, "before")).exits(0);
    apply(&node, "0").exits(125).says("volumes/cache is a link").says("revision 1 serves");
    assert_eq!(node.get("/v/"), (200, "before".into()));
    std::fs::remove_file(volumes(&node).join("cache")).expect("removed");
    std::fs::write(volumes(&node).join("cache"), "").expect("a file");
    apply(&node, "1").exits(125).says("volumes/cache is no folder; move it away");
    std::fs::remove_file(volumes(&node).join("cache")).expect("removed");
    apply(&node, "2").exits(0);
    ok(&node, "append/a/1", 1);
    assert_eq!(std::fs::read_dir(elsewhere).expect("readable").count(), 0);
}

#[test]
fn on_a_full_disk_a_volume_is_read_and_gives_space_back() {
    let Some(node) = Node::start_on_small_disk(64) else {
        eprintln!("skipped: this kernel lets this user mount nothing");
        return;
    };
    apply_to(&node, "default", "v", ON, "\"volume cache as /cache 48MiB\"").exits(0);
    ok(&node, "append/a/1000000", 1_000_000);
    let filling = node.fill_disk();
    refused(&node, "append/b/100000", "No space left");
    refused(&node, "replace/a/100000", "No space left");
    ok(&node, "length/a", 1_000_000);
    ok(&node, "drop/a", 0);
    ok(&node, "append/c/100000", 100_000);
    std::fs::remove_file(filling).expect("removed");
    ok(&node, "append/c/100000", 200_000);
}

#[test]
fn a_taken_over_cell_reaches_its_own_volume_and_no_other() {
    const NOT_PERMITTED: i64 = -(libc::EPERM as i64);
    let node = Node::start_without_first_wall();
    for tenant in ["acme", "evil"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    apply_to(&node, "acme", "v", "http * /acme/*", GRANT).exits(0);
    assert_eq!(node.get("/acme/append/secret/1000"), (200, "ok 1000\n".into()));
    let attacker = Attacker::enter(&node, "evil", "");
    let lock = [Arg::Number(0), Arg::Number(libc::LOCK_SH.into())];
    assert_eq!(
        attacker.result(libc::SYS_flock, &lock),
        NOT_PERMITTED,
        "without a volume there is nothing to lock"
    );
    let attacker = Attacker::enter(&node, "evil", GRANT);
    let (own, theirs) =
        (node.state().join("data/evil/evil/volumes"), node.state().join("data/acme/v/volumes"));
    let create = libc::O_CREAT | libc::O_RDWR;
    assert!(attacker.open(path(&own.join("cache/new")), create) >= 0, "the attack itself works");
    assert!(attacker.open(path(&own.join("cache.removed/new")), create) >= 0);
    for name in [
        "cache",
        "cache/secret",
        "cache/new",
        "cache.removed",
        "cache.removed/new",
        "cache.count",
        "cache.users",
    ] {
        for flags in [libc::O_RDONLY, libc::O_RDWR, create] {
            assert!(attacker.open(path(&theirs.join(name)), flags) < 0, "{name} with {flags:#x}");
        }
    }
    let here = Arg::Number(libc::AT_FDCWD.into());
    for (from, to) in [
        (theirs.join("cache/secret"), own.join("cache/stolen")),
        (own.join("cache/new"), theirs.join("cache/planted")),
        (own.join("cache"), own.join("other")),
        (theirs.join("cache"), own.join("cache.removed/stolen")),
    ] {
        let names = [path(&from), path(&to)].map(|path| format!("{path}\0"));
        let [from, to] = [&names[0], &names[1]].map(|name| Arg::Bytes(name.as_bytes()));
        for call in [libc::SYS_linkat, libc::SYS_renameat2] {
            assert!(attacker.result(call, &[here, from, here, to, Arg::Number(0)]) < 0, "{names:?}");
        }
    }
    // Its own count is its own to spoil, and its own files to lock.
    for fd in 0..64 {
        let _ = attacker
            .call(libc::SYS_flock, &[Arg::Number(fd), Arg::Number((libc::LOCK_EX | libc::LOCK_NB).into())]);
        let (garbage, length) = (Arg::Bytes(&[0xff; 64]), Arg::Number(64));
        if std::fs::read(own.join("cache.count")).expect("readable").len() == 40 && fd > 2 {
            let _ = attacker.call(libc::SYS_pwrite64, &[Arg::Number(fd), garbage, length, Arg::Number(0)]);
        }
    }
    assert_eq!(node.get("/acme/append/secret/1"), (200, "ok 1001\n".into()));
}
