use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;

use super::beneath::{self, Follow, Opened, PathError};
use super::meta::{NewTime, timestamps};
use super::{manual, resolve};

const SECRET: &str = "the canary sings";

/// A granted directory `in`, and a canary beside it.
struct Tree {
    root: tempfile::TempDir,
    dir: File,
}

impl Tree {
    fn new() -> Tree {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("in/dir/deep")).unwrap();
        fs::create_dir(at("out")).unwrap();
        fs::write(at("out/canary"), SECRET).unwrap();
        fs::write(at("in/file"), "inside").unwrap();
        fs::write(at("in/dir/inner"), "inner").unwrap();
        for (target, link) in [
            ("file", "link"),
            ("dir", "dirlink"),
            ("../in/file", "link-through-outside"),
            ("../out/canary", "link-out"),
            ("/etc/passwd", "link-absolute"),
            ("chain-2", "chain-1"),
            ("dirlink/../../out/canary", "chain-2"),
            ("loop-b", "loop-a"),
            ("loop-a", "loop-b"),
            ("nothing", "dangling"),
            ("dir/../file", "link-back"),
        ] {
            symlink(target, at("in").join(link)).unwrap();
        }
        mknodat(CWD, at("in/fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        let dir = File::open(at("in")).unwrap();
        Tree { root, dir }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<Opened, PathError> {
        beneath::open(self.dir.as_fd(), path, flags, Follow::Yes)
    }

    fn canary_is_untouched(&self) -> bool {
        fs::read_to_string(self.at("out/canary")).unwrap() == SECRET
    }
}

fn text(opened: Opened) -> String {
    let mut text = String::new();
    match opened {
        Opened::File(mut file) => file.read_to_string(&mut text).unwrap(),
        Opened::Dir(_) => return "<dir>".to_owned(),
    };
    text
}

const LOOP: PathError = PathError::Os(Errno::LOOP);
const NOENT: PathError = PathError::Os(Errno::NOENT);
const NOTDIR: PathError = PathError::Os(Errno::NOTDIR);
const FIFO: PathError = PathError::Special(FileType::Fifo);

#[test]
fn paths_stay_below_the_granted_directory() {
    let tree = Tree::new();
    let check = |path: &str, expected: Result<&str, PathError>| {
        let opened = tree.open(path, OFlags::RDONLY).map(text);
        assert_eq!(opened.as_deref().map_err(|error| *error), expected, "{path:?}");
    };
    check("file", Ok("inside"));
    check("dir/inner", Ok("inner"));
    check("dir/../file", Ok("inside"));
    check("dir/deep/../../file", Ok("inside"));
    check("./file", Ok("inside"));
    check(".", Ok("<dir>"));
    check("dir/", Ok("<dir>"));
    check("dirlink/", Ok("<dir>"));
    check("link", Ok("inside"));
    check("link-back", Ok("inside"));
    check("dirlink/inner", Ok("inner"));

    check("..", Err(PathError::Escapes));
    check("../in/file", Err(PathError::Escapes));
    check("../out/canary", Err(PathError::Escapes));
    check("dir/../../out/canary", Err(PathError::Escapes));
    check("/", Err(PathError::Escapes));
    check("/etc/passwd", Err(PathError::Escapes));
    check("/proc/self/exe", Err(PathError::Escapes));
    check("link-out", Err(PathError::Escapes));
    check("link-through-outside", Err(PathError::Escapes));
    check("link-absolute", Err(PathError::Escapes));
    check("chain-1", Err(PathError::Escapes));
    check("loop-a", Err(LOOP));
    check("dangling", Err(NOENT));
    check("nothing", Err(NOENT));
    check("file/", Err(NOTDIR));
    check("file/more", Err(NOTDIR));
    check("", Err(NOENT));
    check("a\0b", Err(PathError::Os(Errno::INVAL)));
    check(&"a/".repeat(3000), Err(PathError::Os(Errno::NAMETOOLONG)));
    check(&"a".repeat(300), Err(PathError::Os(Errno::NAMETOOLONG)));
}

#[test]
fn the_walk_for_old_kernels_comes_to_the_same_results() {
    let tree = Tree::new();
    let paths = [
        "file",
        "dir",
        "dir/",
        ".",
        "./",
        "dir/.",
        "dir/..",
        "dir/../file",
        "dir/deep/../../file",
        "link",
        "link/",
        "dirlink",
        "dirlink/",
        "dirlink/inner",
        "link-back",
        "..",
        "../in/file",
        "dir/../..",
        "/",
        "/etc/passwd",
        "//etc/passwd",
        "link-out",
        "link-through-outside",
        "link-absolute",
        "chain-1",
        "loop-a",
        "loop-a/x",
        "dangling",
        "nothing",
        "nothing/x",
        "file/",
        "file/x",
        "file/..",
        "fifo",
        "dir//inner",
    ];
    let kinds = [
        OFlags::RDONLY | OFlags::NONBLOCK,
        OFlags::PATH,
        OFlags::PATH | OFlags::NOFOLLOW,
        OFlags::RDONLY | OFlags::DIRECTORY,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK,
    ];
    let same = |fd: std::os::fd::OwnedFd| {
        let stat = rustix::fs::fstat(&fd).unwrap();
        (stat.st_dev, stat.st_ino)
    };
    for flags in kinds {
        for path in paths {
            let kernel = resolve::resolve(tree.dir.as_fd(), path, flags).map(same);
            let walked = manual::open(tree.dir.as_fd(), path, flags).map(same);
            assert_eq!(walked, kernel, "{path:?} with {flags:?}");
        }
    }
}

#[test]
fn the_walk_creates_where_the_kernel_creates() {
    let tree = Tree::new();
    let flags = OFlags::WRONLY | OFlags::CREATE;
    manual::open(tree.dir.as_fd(), "dir/../made", flags).unwrap();
    assert!(tree.at("in/made").exists());
    let outside = manual::open(tree.dir.as_fd(), "../made", flags);
    assert_eq!(outside.map(drop), Err(PathError::Escapes));
    assert!(!tree.at("made").exists());
    manual::open(tree.dir.as_fd(), "dangling", flags).unwrap();
    assert!(tree.at("in/nothing").exists(), "through a link that leads to nothing yet");
}

#[test]
fn special_files_are_refused_and_nothing_hangs() {
    let tree = Tree::new();
    for flags in [
        OFlags::RDONLY,
        OFlags::WRONLY,
        OFlags::RDWR,
        OFlags::RDWR | OFlags::CREATE,
        OFlags::WRONLY | OFlags::TRUNC,
    ] {
        assert_eq!(tree.open("fifo", flags).map(text), Err(FIFO), "{flags:?}");
    }
    let exists = tree.open("fifo", OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL).map(text);
    assert_eq!(exists, Err(PathError::Os(Errno::EXIST)));
    let as_dir = tree.open("fifo", OFlags::RDONLY | OFlags::DIRECTORY).map(text);
    assert_eq!(as_dir, Err(NOTDIR));
    let socket = std::os::unix::net::UnixListener::bind(tree.at("in/socket")).unwrap();
    assert_eq!(tree.open("socket", OFlags::RDWR).map(text), Err(PathError::Special(FileType::Socket)));
    drop(socket);
    beneath::stat(tree.dir.as_fd(), "fifo", Follow::Yes).unwrap();
    let now = timestamps(NewTime::Now, NewTime::Now);
    beneath::set_times(tree.dir.as_fd(), "fifo", Follow::Yes, &now).unwrap();
}

#[test]
fn device_nodes_are_refused() {
    let tree = Tree::new();
    let device = rustix::fs::makedev(1, 3);
    let mode = Mode::from_raw_mode(0o666);
    if let Err(errno) = mknodat(CWD, tree.at("in/null"), FileType::CharacterDevice, mode, device) {
        let required = std::env::var("TOMBOLO_TEST_REQUIRE").is_ok_and(|what| what == "all");
        assert!(!required, "cannot make a device node: {errno}");
        eprintln!("skipped: device nodes cannot be made here ({errno})");
        return;
    }
    for flags in [OFlags::RDONLY, OFlags::WRONLY, OFlags::RDWR | OFlags::CREATE] {
        let opened = tree.open("null", flags).map(text);
        assert_eq!(opened, Err(PathError::Special(FileType::CharacterDevice)), "{flags:?}");
    }
}

#[test]
fn the_links_of_proc_lead_nowhere() {
    let proc = File::open("/proc/self").unwrap();
    for path in ["exe", "root/etc/passwd", "cwd/Cargo.toml", "fd/0"] {
        let opened = beneath::open(proc.as_fd(), path, OFlags::RDONLY, Follow::Yes).map(text);
        assert!(matches!(opened, Err(LOOP | PathError::Escapes)), "{path}: {opened:?}");
    }
}

#[test]
fn names_are_changed_below_and_never_outside() {
    let tree = Tree::new();
    let dir = tree.dir.as_fd();
    beneath::create_dir(dir, "new/").unwrap();
    beneath::rename(dir, "file", dir, "new/file").unwrap();
    beneath::link(dir, "new/file", dir, "hard").unwrap();
    beneath::symlink("new/file", dir, "soft").unwrap();
    assert_eq!(beneath::read_link(dir, "soft").unwrap(), "new/file");
    beneath::unlink(dir, "soft").unwrap();
    beneath::unlink(dir, "hard").unwrap();
    beneath::unlink(dir, "new/file").unwrap();
    beneath::remove_dir(dir, "new").unwrap();

    let escapes = Err(PathError::Escapes);
    assert_eq!(beneath::create_dir(dir, "../made"), escapes);
    assert_eq!(beneath::unlink(dir, "../out/canary"), escapes);
    assert_eq!(beneath::unlink(dir, "/etc/passwd"), escapes);
    assert_eq!(beneath::remove_dir(dir, "../out"), escapes);
    assert_eq!(beneath::rename(dir, "dir", dir, "../moved"), escapes);
    assert_eq!(beneath::rename(dir, "../out/canary", dir, "stolen"), escapes);
    assert_eq!(beneath::link(dir, "../out/canary", dir, "stolen"), escapes);
    assert_eq!(beneath::link(dir, "dir/inner", dir, "../leaked"), escapes);
    assert_eq!(beneath::symlink("/etc/passwd", dir, "absolute"), escapes);
    assert_eq!(beneath::symlink("x", dir, "../planted"), escapes);
    assert_eq!(beneath::read_link(dir, "../in/link").map(drop), escapes);
    assert_eq!(beneath::rename(dir, "dir/inner", dir, "dirlink/../../out/x"), escapes);
    assert!(tree.canary_is_untouched());
}

#[test]
fn a_link_in_the_last_place_is_named_and_not_followed() {
    let tree = Tree::new();
    let dir = tree.dir.as_fd();
    beneath::link(dir, "link-out", dir, "copy").unwrap();
    assert_eq!(beneath::read_link(dir, "copy").unwrap(), "../out/canary", "the link, not the canary");
    assert_eq!(beneath::link(dir, "link-out/", dir, "copy-2"), Err(PathError::Os(Errno::PERM)));
    beneath::unlink(dir, "link-out").unwrap();
    beneath::rename(dir, "link-absolute", dir, "moved").unwrap();
    assert!(tree.canary_is_untouched());
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_target_that_is_not_utf_8_is_a_clean_error() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new();
    symlink(std::ffi::OsStr::from_bytes(b"\xff\xfe"), tree.at("in/odd")).unwrap();
    assert_eq!(beneath::read_link(tree.dir.as_fd(), "odd"), Err(PathError::Os(Errno::ILSEQ)));
}

/// Exchanges a directory for a link to the outside as fast as it can while `attempt` runs.
fn race(tree: &Tree, attempt: impl Fn() -> Option<String>) -> usize {
    let stop = AtomicBool::new(false);
    let mut inside = 0;
    fs::create_dir(tree.at("in/swap")).unwrap();
    fs::write(tree.at("in/swap/canary"), "inside").unwrap();
    symlink("../out", tree.at("in/evil")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            while !stop.load(Ordering::Relaxed) {
                let _ = rustix::fs::renameat_with(&tree.dir, "swap", &tree.dir, "evil", exchange);
            }
        });
        for _ in 0..5_000 {
            match attempt() {
                Some(text) => {
                    assert_eq!(text, "inside");
                    inside += 1;
                }
                None => continue,
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    inside
}

#[test]
fn a_rename_between_check_and_open_never_leads_out() {
    let tree = Tree::new();
    let inside = race(&tree, || tree.open("swap/canary", OFlags::RDONLY).ok().map(text));
    assert!(inside > 0, "the race never let an honest open through");
}

#[test]
fn a_rename_during_the_walk_for_old_kernels_never_leads_out() {
    let tree = Tree::new();
    let inside = race(&tree, || {
        let fd = manual::open(tree.dir.as_fd(), "swap/canary", OFlags::RDONLY).ok()?;
        Some(text(Opened::File(fd.into())))
    });
    assert!(inside > 0, "the race never let an honest open through");
}

#[test]
fn a_rename_between_parent_and_entry_never_changes_the_outside() {
    let tree = Tree::new();
    fs::write(tree.at("out/only-outside"), SECRET).unwrap();
    race(&tree, || {
        let dir = tree.dir.as_fd();
        assert!(beneath::unlink(dir, "swap/only-outside").is_err());
        assert!(beneath::rename(dir, "swap/only-outside", dir, "stolen").is_err());
        let _ = beneath::create_dir(dir, "swap/planted");
        let _ = beneath::remove_dir(dir, "swap/planted");
        assert!(!tree.at("out/planted").exists(), "planted outside");
        None
    });
    assert!(tree.at("out/only-outside").exists());
}
