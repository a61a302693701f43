use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tombolo_engine::LimitHit;
use tombolo_spec::LimitName;
use wasmtime::Val;
use wasmtime_wasi::I32Exit;

use super::harness::*;
use crate::fs::Blocking;
use crate::testing::{grants, refusals};
use crate::{Template, TemplateParts};

/// `rw` and `ro` are granted as descriptors 3 and 4; a canary lies beside them.
struct Tree {
    root: tempfile::TempDir,
    template: Arc<Template>,
}

const RW: u32 = 3;
const RO: u32 = 4;

impl Tree {
    fn new() -> Tree {
        Tree::with(Blocking::Inline, |_| {})
    }

    fn with(blocking: Blocking, change: impl FnOnce(&mut TemplateParts)) -> Tree {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for dir in ["rw/sub", "ro/sub"] {
            fs::create_dir_all(at(dir)).unwrap();
        }
        fs::write(at("canary"), "canary").unwrap();
        fs::write(at("rw/file"), "read-write").unwrap();
        fs::write(at("ro/file"), "read-only").unwrap();
        let lines = ["dir ./rw as /rw read-write", "dir ./ro as /ro read"];
        let mut parts = TemplateParts::new("test", grants(&lines));
        parts.base = root.path().to_owned();
        parts.blocking = blocking;
        change(&mut parts);
        let template = Arc::new(Template::prepare(parts).unwrap());
        Tree { root, template }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }

    async fn guest(&self) -> Caller {
        Caller::new(&self.template, "").await
    }
}

#[tokio::test]
async fn files_are_read_and_written_in_place_at_the_end_and_over_several_buffers() {
    for blocking in [Blocking::Inline, Blocking::Pool] {
        let tree = Tree::with(blocking, |_| {});
        let mut guest = tree.guest().await;
        let fd = guest.open(RW, "file", 0, READ | WRITE).await.unwrap();
        assert_eq!(guest.fd_read(fd, 5).await.unwrap(), "read-");
        assert_eq!(guest.fd_write(fd, "WRITE").await, Ok(5));
        assert_eq!(tree.text("rw/file"), "read-WRITE");
        let append = guest.open_with(RW, "file", 0, READ | WRITE, 1).await.unwrap();
        assert_eq!(guest.fd_write(append, "+end").await, Ok(4));
        assert_eq!(tree.text("rw/file"), "read-WRITE+end");
        assert_eq!(guest.call("fd_seek", &[int(fd), Val::I64(-4), Val::I32(2), int(OUT)]).await, SUCCESS);
        assert_eq!(guest.u64(OUT), 10);
        assert_eq!(guest.fd_read(fd, 100).await.unwrap(), "+end");
        assert_eq!(guest.fd_read(fd, 100).await.unwrap(), "", "at the end");
        assert_eq!(guest.call("fd_filestat_set_size", &[int(fd), Val::I64(4)]).await, SUCCESS);
        assert_eq!(tree.text("rw/file"), "read");
        assert_eq!(guest.call("fd_close", &[int(fd)]).await, SUCCESS);
        assert_eq!(guest.fd_read(fd, 1).await, Err(BADF));
    }
}

#[tokio::test]
async fn a_granted_directory_has_its_name_and_closed_numbers_are_used_again() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    assert_eq!(guest.call("fd_prestat_get", &[int(RO), int(OUT)]).await, SUCCESS);
    assert_eq!(guest.u32(OUT + 4), 3);
    assert_eq!(guest.call("fd_prestat_dir_name", &[int(RO), int(OUT), int(3)]).await, SUCCESS);
    assert_eq!(guest.read(OUT, 3), b"/ro");
    assert_eq!(guest.call("fd_prestat_get", &[int(5), int(OUT)]).await, BADF);
    let first = guest.open(RW, "file", 0, READ).await.unwrap();
    let second = guest.open(RW, "sub", DIRECTORY, READ).await.unwrap();
    assert_eq!((first, second), (5, 6));
    guest.call("fd_close", &[int(first)]).await;
    assert_eq!(guest.open(RW, "file", 0, READ).await, Ok(5));
    assert_eq!(guest.call("fd_renumber", &[int(5), int(6)]).await, SUCCESS);
    assert_eq!(guest.fd_read(6, 4).await.unwrap(), "read");
    assert_eq!(guest.call("fd_renumber", &[int(6), int(99)]).await, BADF);
}

#[tokio::test]
async fn nothing_is_changed_under_a_grant_for_reading() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    assert_eq!(guest.open(RO, "file", 0, READ | WRITE).await, Err(PERM));
    assert_eq!(guest.open(RO, "file", TRUNC, READ).await, Err(PERM), "cut while opened for reading");
    assert_eq!(guest.open(RO, "new", CREAT, READ).await, Err(PERM), "created while opened for reading");
    for call in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        assert_eq!(guest.at(call, RO, "sub").await, PERM, "{call}");
    }
    assert_eq!(guest.symlink("file", RO, "link").await, PERM);
    assert_eq!(guest.set_times(RO, "file").await, PERM);
    let fd = guest.open(RO, "file", 0, READ).await.unwrap();
    assert_eq!(guest.fd_write(fd, "x").await, Err(BADF));
    assert_eq!(guest.call("fd_filestat_set_size", &[int(fd), Val::I64(0)]).await, PERM);
    let times = [int(fd), Val::I64(0), Val::I64(0), Val::I32(1 | 4)];
    assert_eq!(guest.call("fd_filestat_set_times", &times).await, PERM);
    let dir = guest.open(RO, "sub", DIRECTORY, READ).await.unwrap();
    assert_eq!(guest.open(dir, "new", CREAT, WRITE).await, Err(PERM), "through a descriptor below the grant");
    assert_eq!(tree.text("ro/file"), "read-only");
    let report = tree.template.ledger().report();
    assert_eq!((report.grants[0].refused, report.grants[1].refused), (0, 9));
    assert_eq!(
        report.refusals[0].to_string(),
        "refused: dir /ro/file read-write: it is granted for reading only; grant 'dir ./ro as /ro read-write' (×3)"
    );
}

#[tokio::test]
async fn names_move_between_grants_only_where_both_may_be_written() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    for call in ["path_rename", "path_link"] {
        assert_eq!(guest.two(call, (RO, "file"), (RW, "stolen")).await, PERM, "{call} out of read-only");
        assert_eq!(guest.two(call, (RW, "file"), (RO, "planted")).await, PERM, "{call} into read-only");
        assert_eq!(guest.two(call, (RO, "file"), (RO, "other")).await, PERM, "{call} within read-only");
    }
    assert_eq!(guest.two("path_link", (RW, "file"), (RW, "sub/hard")).await, SUCCESS);
    assert_eq!(guest.two("path_rename", (RW, "file"), (RW, "sub/moved")).await, SUCCESS);
    assert_eq!((tree.text("ro/file"), tree.text("rw/sub/moved")), ("read-only".into(), "read-write".into()));
    assert!(!tree.at("ro/planted").exists() && !tree.at("rw/stolen").exists());
}

#[tokio::test]
async fn a_hard_link_made_outside_into_a_read_only_directory_cannot_be_written() {
    let tree = Tree::new();
    fs::hard_link(tree.at("canary"), tree.at("ro/hard")).unwrap();
    let mut guest = tree.guest().await;
    assert_eq!(guest.open(RO, "hard", 0, WRITE).await, Err(PERM));
    assert_eq!(guest.open(RO, "hard", TRUNC, READ).await, Err(PERM));
    assert_eq!(tree.text("canary"), "canary");
}

#[tokio::test]
async fn no_path_leads_out_of_a_grant() {
    let tree = Tree::new();
    symlink("../canary", tree.at("rw/out")).unwrap();
    symlink("/etc/passwd", tree.at("rw/passwd")).unwrap();
    symlink("..", tree.at("rw/up")).unwrap();
    let mut guest = tree.guest().await;
    for path in
        ["..", "../canary", "/etc/passwd", "sub/../../canary", "out", "passwd", "up/canary", "/proc/self/exe"]
    {
        assert_eq!(guest.open(RW, path, 0, READ).await, Err(PERM), "open {path}");
        assert_eq!(guest.open(RW, path, CREAT | TRUNC, WRITE).await, Err(PERM), "write {path}");
        assert_eq!(guest.set_times(RW, path).await, PERM, "times {path}");
    }
    for path in ["../canary", "/etc/passwd", "sub/../../canary", "up/canary"] {
        assert_eq!(guest.at("path_unlink_file", RW, path).await, PERM, "unlink {path}");
        assert_eq!(guest.two("path_rename", (RW, path), (RW, "stolen")).await, PERM, "steal {path}");
        assert_eq!(guest.two("path_rename", (RW, "file"), (RW, path)).await, PERM, "overwrite {path}");
        assert_eq!(guest.two("path_link", (RW, path), (RW, "linked")).await, PERM, "link {path}");
    }
    assert_eq!(guest.at("path_create_directory", RW, "../planted").await, PERM);
    assert_eq!(guest.symlink("x", RW, "up/planted").await, PERM);
    assert_eq!(guest.symlink("/etc/passwd", RW, "absolute").await, PERM);
    assert_eq!(guest.symlink("../canary", RW, "made").await, SUCCESS, "a link may say anything relative");
    assert_eq!(guest.open(RW, "made", 0, READ).await, Err(PERM), "but leads nowhere outside");
    assert_eq!(tree.text("canary"), "canary");
    assert!(Path::new("/etc/passwd").exists());
    assert!(refusals(&tree.template).iter().any(|line| line.contains("leads out of the granted directory")));
}

#[tokio::test]
async fn special_files_are_refused_in_the_ledger_and_do_not_hang() {
    let tree = Tree::new();
    mknodat(CWD, tree.at("rw/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let mut guest = tree.guest().await;
    for rights in [READ, WRITE, READ | WRITE] {
        assert_eq!(guest.open(RW, "fifo", 0, rights).await, Err(PERM));
    }
    assert_eq!(guest.open(RW, "fifo", CREAT | TRUNC, WRITE).await, Err(PERM));
    assert_eq!(guest.set_times(RW, "fifo").await, SUCCESS);
    assert_eq!(
        refusals(&tree.template)[0],
        "refused: dir /rw/fifo read: it is a FIFO, which is never opened"
    );
}

#[tokio::test]
async fn odd_names_give_clean_errors() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    assert_eq!(guest.open(RW, "", 0, READ).await, Err(NOENT));
    assert_eq!(guest.open(RW, "a\0b", 0, READ).await, Err(INVAL));
    assert_eq!(guest.open(RW, b"\xff\xfe", 0, READ).await, Err(ILSEQ));
    assert_eq!(guest.open(RW, "a".repeat(300), 0, READ).await, Err(NAMETOOLONG));
    assert_eq!(guest.open(RW, "a/".repeat(2100), 0, READ).await, Err(NAMETOOLONG));
    assert_eq!(guest.open(RW, "file/", 0, READ).await, Err(NOTDIR));
    assert_eq!(guest.open(RW, "none", 0, READ).await, Err(NOENT));
    assert_eq!(guest.open(99, "file", 0, READ).await, Err(BADF));
    assert_eq!(guest.open(RW, "file", CREAT | DIRECTORY, READ).await, Err(INVAL));
    assert_eq!(guest.at("path_unlink_file", 1, "file").await, BADF, "a stream is no directory");
    assert_eq!(guest.open(RW, "file", 0, READ).await.map(|_| ()), Ok(()));
    assert_eq!(guest.at("path_unlink_file", 5, "x").await, NOTDIR, "nor is a file");
}

#[tokio::test]
async fn a_directory_is_listed_whole_in_pieces_of_any_size_while_it_changes() {
    let tree = Tree::new();
    for n in 0..200 {
        fs::write(tree.at(&format!("rw/sub/file-{n:03}")), "").unwrap();
    }
    for len in [64, 100, 4096] {
        let mut guest = tree.guest().await;
        let fd = guest.open(RW, "sub", DIRECTORY, READ).await.unwrap();
        let entries = guest.list_dir(fd, len).await.unwrap();
        let mut files: Vec<_> = entries.iter().filter(|(_, kind)| *kind == 4).map(|(name, _)| name).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), 200, "in pieces of {len}");
        assert!(entries.contains(&(".".to_owned(), 3)) && entries.contains(&("..".to_owned(), 3)));
    }
    let mut guest = tree.guest().await;
    let fd = guest.open(RW, "sub", DIRECTORY, READ).await.unwrap();
    while let Some((name, _)) = guest.list_dir(fd, 512).await.unwrap().iter().find(|(_, kind)| *kind == 4) {
        assert_eq!(guest.at("path_unlink_file", fd, name.as_str()).await, SUCCESS);
    }
    assert_eq!(guest.at("path_remove_directory", RW, "sub").await, SUCCESS);
}

#[tokio::test]
async fn two_instances_list_the_same_directory_without_disturbing_each_other() {
    let tree = Tree::new();
    for n in 0..50 {
        fs::write(tree.at(&format!("rw/file-{n}")), "").unwrap();
    }
    let (mut a, mut b) = (tree.guest().await, tree.guest().await);
    let (one, two) = tokio::join!(a.list_dir(RW, 80), b.list_dir(RW, 80));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn a_file_has_the_same_number_by_path_by_descriptor_and_in_a_listing() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    let fd = guest.open(RW, "file", 0, READ).await.unwrap();
    assert_eq!(guest.call("fd_filestat_get", &[int(fd), int(OUT)]).await, SUCCESS);
    let by_descriptor = (guest.u64(OUT + 8), guest.u64(OUT + 32));
    guest.write(8192, b"file");
    assert_eq!(
        guest.call("path_filestat_get", &[int(RW), int(1), int(8192), int(4), int(OUT)]).await,
        SUCCESS
    );
    assert_eq!((guest.u64(OUT + 8), guest.u64(OUT + 32)), by_descriptor);
    assert_eq!(by_descriptor.1, 10, "the size");
}

#[tokio::test]
async fn descriptors_are_bounded_by_handles() {
    let tree = Tree::with(Blocking::Inline, |parts| {
        let mut limits = tombolo_spec::LimitOverrides::default();
        limits.set_line("handles=16").unwrap();
        parts.limits = limits.resolve(tombolo_spec::Profile::Run);
    });
    let mut guest = tree.guest().await;
    for _ in 5..16 {
        guest.open(RW, "file", 0, READ).await.unwrap();
    }
    assert_eq!(guest.open(RW, "file", 0, READ).await, Err(MFILE));
}

#[tokio::test]
async fn arguments_and_variables_are_the_granted_ones_and_the_instances_own() {
    let tree = Tree::with(Blocking::Inline, |parts| {
        parts.args = vec!["prog".to_owned(), "-n".to_owned()];
        parts.grants.extend(["env LOG=info".parse().unwrap()]);
    });
    let mut guest = tree.guest().await;
    assert_eq!(guest.call("args_sizes_get", &[int(OUT), int(OUT + 4)]).await, SUCCESS);
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (2, 8));
    assert_eq!(guest.call("args_get", &[int(OUT), int(BUFFER)]).await, SUCCESS);
    assert_eq!(guest.read(BUFFER, 8), b"prog\0-n\0");
    assert_eq!(guest.call("environ_sizes_get", &[int(OUT), int(OUT + 4)]).await, SUCCESS);
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (1, 9));
    assert_eq!(guest.call("environ_get", &[int(OUT), int(BUFFER)]).await, SUCCESS);
    assert_eq!(guest.read(BUFFER, 9), b"LOG=info\0");
}

#[tokio::test]
async fn streams_are_read_and_written_and_are_no_files() {
    let tree = Tree::new();
    let mut guest = Caller::new(&tree.template, "input").await;
    assert_eq!(guest.fd_read(0, 3).await.unwrap(), "inp");
    assert_eq!(guest.fd_read(0, 10).await.unwrap(), "ut");
    assert_eq!(guest.fd_read(0, 10).await.unwrap(), "", "at the end");
    assert_eq!(guest.fd_write(1, "out").await, Ok(3));
    assert_eq!(guest.stdout.next().await.unwrap(), "out");
    assert_eq!(guest.fd_read(1, 1).await, Err(BADF));
    assert_eq!(guest.fd_write(0, "x").await, Err(BADF));
    assert_eq!(guest.call("fd_seek", &[int(1), Val::I64(0), Val::I32(0), int(OUT)]).await, 70, "ESPIPE");
    assert_eq!(guest.call("fd_fdstat_get", &[int(1), int(OUT)]).await, SUCCESS);
    assert_eq!(guest.read(OUT, 1), [0], "not a terminal");
}

#[tokio::test]
async fn clocks_timers_and_random_bytes_answer() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    assert_eq!(guest.call("clock_res_get", &[int(0), int(OUT)]).await, SUCCESS);
    assert_eq!(guest.u64(OUT), 1_000_000_000);
    assert_eq!(guest.call("clock_time_get", &[int(0), Val::I64(0), int(OUT)]).await, SUCCESS);
    assert!(guest.u64(OUT) > 1_600_000_000_000_000_000);
    assert_eq!(guest.call("random_get", &[int(OUT), int(32)]).await, SUCCESS);
    assert_ne!(guest.read(OUT, 32), [0; 32]);
    let error = guest.try_call("random_get", &[int(OUT), int(100_000)]).await.unwrap_err();
    assert_eq!(error.downcast_ref::<LimitHit>().unwrap().name, LimitName::Random);

    // A relative timer of one millisecond, and one of an hour beside it.
    let timer = |userdata: u64, timeout: u64| {
        let mut sub = [0; 48];
        sub[0..8].copy_from_slice(&userdata.to_le_bytes());
        sub[16..20].copy_from_slice(&1u32.to_le_bytes());
        sub[24..32].copy_from_slice(&timeout.to_le_bytes());
        sub
    };
    guest.write(BUFFER, &[timer(7, 3_600_000_000_000), timer(8, 1_000_000)].concat());
    let args = [int(BUFFER), int(BUFFER + 4096), int(2), int(OUT)];
    assert_eq!(guest.call("poll_oneoff", &args).await, SUCCESS);
    assert_eq!((guest.u32(OUT), guest.u64(BUFFER + 4096)), (1, 8));
    assert_eq!(guest.call("poll_oneoff", &[int(BUFFER), int(BUFFER), int(0), int(OUT)]).await, INVAL);
}

#[tokio::test]
async fn input_and_output_are_polled() {
    let tree = Tree::new();
    let mut guest = Caller::new(&tree.template, "x").await;
    let stream = |userdata: u64, kind: u8, fd: u32| {
        let mut sub = [0; 48];
        sub[0..8].copy_from_slice(&userdata.to_le_bytes());
        sub[8] = kind;
        sub[16..20].copy_from_slice(&fd.to_le_bytes());
        sub
    };
    guest.write(BUFFER, &[stream(1, 1, 0), stream(2, 2, 1)].concat());
    let args = [int(BUFFER), int(BUFFER + 4096), int(2), int(OUT)];
    assert_eq!(guest.call("poll_oneoff", &args).await, SUCCESS);
    assert_eq!(guest.u32(OUT), 2);
    assert_eq!((guest.u64(BUFFER + 4096), guest.u64(BUFFER + 4096 + 32)), (1, 2));
}

#[tokio::test]
async fn exit_codes_pass_through_as_a_process_has_them() {
    for (status, code) in [(0u32, 0), (7, 7), (126, 126), (255, 255), (256, 0), (u32::MAX, 255)] {
        let tree = Tree::new();
        let mut guest = tree.guest().await;
        let error = guest.try_call("proc_exit", &[int(status)]).await.unwrap_err();
        assert_eq!(error.downcast_ref::<I32Exit>().unwrap().0, code);
    }
}

#[tokio::test]
async fn pointers_outside_of_memory_trap_or_fail_and_never_reach_the_host() {
    let tree = Tree::new();
    let mut guest = tree.guest().await;
    let far = u32::MAX - 3;
    assert!(guest.try_call("random_get", &[int(far), int(16)]).await.is_err());
    assert!(guest.try_call("fd_write", &[int(1), int(far), int(1), int(OUT)]).await.is_err());
    assert_eq!(
        guest.call("fd_write", &[int(1), int(256), int(5000), int(OUT)]).await,
        INVAL,
        "too many buffers"
    );
    let args = [int(BUFFER), int(BUFFER), int(u32::MAX / 64), int(OUT)];
    assert!(!matches!(guest.try_call("poll_oneoff", &args).await, Ok(SUCCESS)));
}
