use std::os::fd::AsFd;
use std::sync::Barrier;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use tempfile::TempDir;

use super::*;
use crate::fs::beneath::{Opened, PathError};
use crate::fs::policy::OpenRequest;

/// A volume as one process has it. Locks of files are between open files, so another [`Volume`] of the same folder is
/// as one in another process.
struct World {
    root: Arc<TempDir>,
    quota: Quota,
}

impl World {
    fn new(bytes_max: u64) -> World {
        World::at(Arc::new(TempDir::new().unwrap()), bytes_max)
    }

    fn at(root: Arc<TempDir>, bytes_max: u64) -> World {
        let volume = Arc::new(Volume::open(root.path(), "cache").unwrap());
        World { root, quota: Quota { volume, bytes_max } }
    }

    /// Another process with the same volume.
    fn beside(&self) -> World {
        World::at(Arc::clone(&self.root), self.quota.bytes_max)
    }

    /// All processes end; another one begins.
    fn again(self) -> World {
        let World { root, quota } = self;
        let bytes_max = quota.bytes_max;
        drop(quota);
        World::at(root, bytes_max)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("volumes").join(name)
    }

    fn dir(&self) -> &File {
        &self.quota.volume.folder
    }

    fn try_open(&self, path: &str, request: OpenRequest) -> Result<Arc<File>, PathError> {
        let request = OpenRequest { read: true, write: true, follow: true, ..request };
        let Opened::File(file) = self.quota.open(self.dir(), path, &request)? else { panic!("a file") };
        Ok(Arc::new(file))
    }

    fn create(&self, path: &str) -> Arc<File> {
        self.try_open(path, OpenRequest { create: true, ..OpenRequest::default() }).unwrap()
    }

    fn write(&self, path: &str, len: usize) -> Result<usize, Errno> {
        self.quota.write(&self.create(path), &vec![7; len], Place::At(0))
    }

    fn unlink(&self, path: &str) {
        self.quota.unlink(self.dir().as_fd(), path).unwrap();
    }

    fn rename(&self, old: &str, new: &str) {
        self.quota.rename((self.dir().as_fd(), old), (self.dir().as_fd(), new)).unwrap();
    }

    fn held(&self) -> (u64, u64) {
        let mut turn = self.quota.volume.turn().unwrap();
        turn.sweep().unwrap();
        (turn.held.bytes, turn.held.names)
    }

    /// What it says it holds is what is there.
    #[track_caller]
    fn holds(&self, bytes: u64, names: u64) {
        assert_eq!(self.held(), (bytes, names));
        let there = self.quota.volume.count().unwrap();
        assert_eq!((there.bytes, there.names), (bytes, names));
    }
}

#[test]
fn a_volume_takes_exactly_its_size() {
    let world = World::new(1000);
    assert_eq!(world.write("a", 600), Ok(600));
    assert_eq!(world.write("b", 500), Ok(400), "what fits is written");
    assert_eq!(world.write("b", 500), Ok(400), "what is there already needs no room");
    let b = world.create("b");
    assert_eq!(world.quota.write(&b, b"x", Place::At(400)), Err(Errno::DQUOT));
    assert_eq!(world.quota.write(&b, b"x", Place::End), Err(Errno::DQUOT));
    assert_eq!(world.quota.write(&b, b"", Place::End), Ok(0));
    world.holds(1000, 2);
}

#[test]
fn appending_counts_from_where_the_file_ends() {
    let world = World::new(1000);
    let file = world.create("a");
    for expected in [400, 400, 200] {
        assert_eq!(world.quota.write(&file, &[7; 400], Place::End), Ok(expected));
    }
    world.holds(1000, 1);
}

#[test]
fn a_hole_counts_as_if_it_were_written() {
    let world = World::new(1000);
    let file = world.create("a");
    assert_eq!(world.quota.write(&file, b"x", Place::At(1000)), Err(Errno::DQUOT));
    assert_eq!(world.quota.write(&file, b"x", Place::At(u64::MAX)), Err(Errno::FBIG));
    assert_eq!(world.quota.set_size(&file, 1001), Err(Errno::DQUOT));
    assert_eq!(world.quota.set_size(&file, 1 << 40), Err(Errno::DQUOT));
    assert_eq!(world.quota.set_size(&file, 1000), Ok(()));
    assert_eq!(world.write("b", 1), Err(Errno::DQUOT));
    assert_eq!(world.quota.set_size(&file, 10), Ok(()));
    assert_eq!(world.write("b", 990), Ok(990));
    world.holds(1000, 2);
}

#[test]
fn a_file_that_is_cut_or_removed_or_replaced_gives_its_bytes_back() {
    let world = World::new(1000);
    world.write("a", 1000).unwrap();
    drop(world.try_open("a", OpenRequest { truncate: true, ..OpenRequest::default() }).unwrap());
    world.holds(0, 1);
    world.write("a", 600).unwrap();
    world.write("b", 400).unwrap();
    world.rename("b", "a");
    world.holds(400, 1);
    world.rename("a", "a");
    world.holds(400, 1);
    world.unlink("a");
    world.holds(0, 0);
}

#[test]
fn a_file_of_several_names_counts_once_and_stays_with_its_last_name() {
    let world = World::new(1000);
    world.write("a", 700).unwrap();
    world.quota.link((world.dir().as_fd(), "a"), (world.dir().as_fd(), "b")).unwrap();
    world.holds(700, 2);
    world.unlink("a");
    world.holds(700, 1);
    world.unlink("b");
    world.holds(0, 0);
}

#[test]
fn what_has_no_name_counts_as_long_as_it_is_open() {
    let world = World::new(1000);
    let file = world.create("a");
    world.quota.write(&file, &[7; 600], Place::End).unwrap();
    world.unlink("a");
    assert_eq!(world.write("b", 1000), Ok(400), "the file that is open has the rest");
    world.unlink("b");
    assert_eq!(world.quota.write(&file, &[7; 600], Place::End), Ok(400), "and may grow into it");
    assert_eq!(world.write("b", 1), Err(Errno::DQUOT));
    drop(file);
    assert_eq!(world.write("b", 1000), Ok(1000));
    world.holds(1000, 1);
}

#[test]
fn names_are_bounded_also_those_of_folders_and_links() {
    let world = World::new(64 * 1024);
    let dir = world.dir().as_fd();
    for n in 0..62 {
        world.create(&format!("file-{n}"));
    }
    world.quota.create_dir(dir, "folder").unwrap();
    world.quota.symlink("folder", dir, "link").unwrap();
    let full = Err(PathError::Os(Errno::DQUOT));
    let create = OpenRequest { create: true, ..OpenRequest::default() };
    assert_eq!(world.try_open("one-more", create).map(drop), full);
    assert_eq!(world.quota.create_dir(dir, "one-more"), full);
    assert_eq!(world.quota.symlink("folder", dir, "one-more"), full);
    assert_eq!(world.quota.link((dir, "file-0"), (dir, "one-more")), full);
    assert!(world.try_open("file-0", create).is_ok(), "what is there already is no new name");
    world.quota.remove_dir(dir, "folder").unwrap();
    world.create("one-more");
    world.holds(0, 64);
}

#[test]
fn a_failed_act_changes_no_count() {
    let world = World::new(1000);
    let dir = world.dir().as_fd();
    world.write("a", 10).unwrap();
    let exclusive = OpenRequest { create: true, exclusive: true, ..OpenRequest::default() };
    assert!(world.try_open("a", exclusive).is_err());
    assert!(world.quota.create_dir(dir, "a").is_err());
    assert!(world.quota.unlink(dir, "none").is_err());
    assert!(world.quota.remove_dir(dir, "a").is_err());
    assert!(world.quota.rename((dir, "none"), (dir, "a")).is_err());
    assert!(world.try_open("../out", OpenRequest { create: true, ..OpenRequest::default() }).is_err());
    world.holds(10, 1);
}

#[test]
fn many_writers_together_fill_it_to_its_size_and_no_further() {
    let world = World::new(100_000);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let world = &world;
            scope.spawn(move || {
                let own = world.create(&format!("own-{thread}"));
                let shared = world.create("shared");
                for _ in 0..200 {
                    let _ = world.quota.write(&own, &[7; 100], Place::End);
                    let _ = world.quota.write(&shared, &[7; 100], Place::End);
                    let _ = world.quota.set_size(&own, 50);
                }
                while world.quota.write(&shared, &[7; 77], Place::End).is_ok() {}
            });
        }
    });
    world.holds(100_000, 5);
}

#[test]
fn what_is_there_is_counted_at_the_start_and_a_smaller_quota_only_stops_growth() {
    let world = World::new(10_000);
    world.write("a", 3000).unwrap();
    world.quota.link((world.dir().as_fd(), "a"), (world.dir().as_fd(), "b")).unwrap();
    let mut world = world.again();
    world.quota.bytes_max = 1000;
    world.holds(3000, 2);
    let file = world.create("a");
    assert_eq!(world.quota.write(&file, &[1; 100], Place::At(0)), Ok(100));
    assert_eq!(world.quota.write(&file, &[1; 100], Place::End), Err(Errno::DQUOT));
}

#[test]
fn a_write_of_nothing_counts_for_nothing() {
    let world = World::new(1000);
    let file = world.create("a");
    assert_eq!(world.quota.write(&file, b"", Place::At(500)), Ok(0));
    world.holds(0, 1);
}

#[test]
fn processes_share_one_count() {
    let old = World::new(1000);
    old.write("a", 600).unwrap();
    let new = old.beside();
    new.holds(600, 1);
    assert_eq!(new.write("b", 600), Ok(400));
    assert_eq!(old.write("c", 1), Err(Errno::DQUOT));
    old.unlink("a");
    assert_eq!(new.write("c", 600), Ok(600));
    old.holds(1000, 2);
    drop(old);
    new.holds(1000, 2);
    new.again().holds(1000, 2);
}

#[test]
fn what_one_process_removes_counts_as_long_as_another_has_it_open() {
    let old = World::new(1000);
    let new = old.beside();
    let file = old.create("a");
    old.quota.write(&file, &[7; 600], Place::End).unwrap();
    new.unlink("a");
    assert_eq!(new.write("b", 1000), Ok(400), "the old one has the rest");
    new.unlink("b");
    assert_eq!(old.quota.write(&file, &[7; 600], Place::End), Ok(400), "and may grow into it");
    assert_eq!(new.write("b", 1), Err(Errno::DQUOT));
    old.quota.set_size(&file, 900).unwrap();
    assert_eq!(new.write("b", 1000), Ok(100));
    drop(file);
    assert_eq!(new.write("b", 1000), Ok(1000));
    new.holds(1000, 1);
    assert_eq!(std::fs::read_dir(new.path("cache.removed")).unwrap().count(), 0, "it is gone from the disk");
}

#[test]
fn what_one_process_replaces_counts_as_long_as_another_has_it_open() {
    let old = World::new(1000);
    let new = old.beside();
    let file = old.create("a");
    old.quota.write(&file, &[7; 600], Place::End).unwrap();
    new.write("b", 300).unwrap();
    new.rename("b", "a");
    new.holds(900, 1);
    let again = old.create("a");
    new.unlink("a");
    drop(old);
    new.holds(900, 0);
    drop((file, again));
    new.holds(0, 0);
}

#[test]
fn a_file_that_keeps_its_name_is_not_kept_a_second_time() {
    let world = World::new(1000);
    let _file = world.create("folder-or-file");
    world.quota.create_dir(world.dir().as_fd(), "folder").unwrap();
    let onto = (world.dir().as_fd(), "folder-or-file");
    assert!(world.quota.rename((world.dir().as_fd(), "folder"), onto).is_err(), "no folder replaces a file");
    assert_eq!(std::fs::read_dir(world.path("cache.removed")).unwrap().count(), 0);
    world.holds(0, 2);
}

/// What a process leaves that is killed after its first effect.
fn kill_in_the_middle(world: &World) {
    let held = Held { bytes: 77_777, names: 77, removed: 7 };
    world.quota.volume.shared.lock().unwrap().write(held, false).unwrap();
}

#[test]
fn a_process_that_was_killed_in_the_middle_leaves_no_wrong_count() {
    let old = World::new(1000);
    let new = old.beside();
    old.write("a", 600).unwrap();
    let open = old.create("b");
    old.quota.write(&open, &[7; 100], Place::End).unwrap();
    new.unlink("b");
    // It had given the file its second name, and not taken away the first.
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(new.path("cache/a")).unwrap());
    std::fs::hard_link(new.path("cache/a"), new.path("cache.removed").join(format!("{inode:x}"))).unwrap();
    kill_in_the_middle(&old);
    new.holds(700, 1);
    assert_eq!(new.write("c", 1000), Ok(300));
    kill_in_the_middle(&new);
    let third = new.beside();
    third.holds(1000, 2);
    drop(open);
    third.holds(900, 2);
}

#[test]
fn a_change_is_marked_until_it_is_done() {
    let world = World::new(1000);
    let is_finished = || {
        let count = std::fs::read(world.path("cache.count")).unwrap();
        tombolo_spec::VolumeCount::from_bytes(&count).unwrap().is_finished
    };
    assert!(is_finished());
    let mut turn = world.quota.volume.turn().unwrap();
    turn.begin().unwrap();
    assert!(!is_finished());
    turn.begin_to_shrink();
    drop(turn);
    assert!(is_finished());
}

#[test]
fn who_comes_when_all_were_killed_counts_what_is_there() {
    let world = World::new(1000);
    let file = world.create("a");
    world.quota.write(&file, &[7; 600], Place::End).unwrap();
    world.unlink("a");
    world.write("b", 100).unwrap();
    // Their files are closed for them, and what was open has nobody to sweep it.
    let held = world.quota.volume.shared.lock().unwrap().read().unwrap();
    assert_eq!(held, Some(Held { bytes: 700, names: 1, removed: 1 }));
    drop(file);
    std::fs::write(world.path("cache/by-hand"), [7; 50]).unwrap();
    world.again().holds(150, 2);
}

#[test]
fn a_count_that_was_overwritten_is_made_anew() {
    for damage in [&b""[..], b"garbage", &[0xff; 40], &[0xff; 4000]] {
        let world = World::new(1000);
        world.write("a", 600).unwrap();
        std::fs::write(world.path("cache.count"), damage).unwrap();
        let beside = world.beside();
        beside.holds(600, 1);
        std::fs::write(world.path("cache.count"), damage).unwrap();
        assert_eq!(beside.write("b", 1000), Ok(400));
    }
}

#[test]
fn a_file_that_another_program_has_locked_is_busy() {
    let world = World::new(1000);
    world.write("a", 10).unwrap();
    let foreign = File::open(world.path("cache/a")).unwrap();
    flock(&foreign, FlockOperation::LockExclusive).unwrap();
    let busy = Err(PathError::Os(Errno::BUSY));
    assert_eq!(world.try_open("a", OpenRequest::default()).map(drop), busy);
    let truncate = OpenRequest { truncate: true, ..OpenRequest::default() };
    assert_eq!(world.try_open("a", truncate).map(drop), busy);
    world.unlink("a");
    drop(foreign);
    world.holds(0, 0);
}

#[test]
fn processes_together_fill_it_to_its_size_and_no_further() {
    let first = World::new(100_000);
    let worlds = [first.beside(), first.beside(), first.beside()];
    let start = Barrier::new(worlds.len() * 2);
    std::thread::scope(|scope| {
        for (number, world) in worlds.iter().enumerate() {
            for thread in 0..2 {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let own = format!("own-{number}-{thread}");
                    for round in 0..150 {
                        let shared = world.create("shared");
                        let _ = world.quota.write(&shared, &[7; 90], Place::End);
                        let _ = world.quota.write(&world.create(&own), &[7; 300], Place::At(0));
                        match round % 3 {
                            0 => world.rename(&own, "shared"),
                            1 => drop(world.quota.unlink(world.dir().as_fd(), "shared")),
                            _ => {}
                        }
                        let _ = world.quota.write(&shared, &[7; 90], Place::End);
                        assert!(world.held().0 <= 100_000);
                    }
                });
            }
        }
    });
    let last = first.create("last");
    while first.quota.write(&last, &[7; 7777], Place::End).is_ok() {}
    assert_eq!(first.held().0, 100_000);
    let (bytes, names) = first.held();
    first.holds(bytes, names);
    drop(worlds);
    first.again().holds(bytes, names);
}

#[test]
fn folders_deeper_than_a_path_can_say_are_counted() {
    let world = World::new(1 << 20);
    let name = "d".repeat(200);
    let mut folder = world.dir().try_clone().unwrap();
    for _ in 0..60 {
        rustix::fs::mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = rustix::fs::openat(&folder, &name, OFlags::DIRECTORY, Mode::empty()).unwrap().into();
    }
    rustix::fs::openat(&folder, "deep", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    assert_eq!(world.again().held(), (0, 61));
}

#[track_caller]
fn refuses(prepare: impl FnOnce(&Path), expected: &str) {
    let root = TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("volumes")).unwrap();
    prepare(&root.path().join("volumes"));
    let error = Volume::open(root.path(), "cache").map(drop).unwrap_err().to_string();
    assert!(error.starts_with("the volume \"cache\": ") && error.contains(expected), "{error}");
}

#[test]
fn what_is_no_folder_of_its_own_is_refused_and_says_what_to_do() {
    let link = |name: &'static str| {
        move |volumes: &Path| {
            std::fs::create_dir(volumes.join("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", volumes.join(name)).unwrap();
        }
    };
    refuses(link("cache"), "volumes/cache is a link; a volume is a folder of its own");
    refuses(link("cache.removed"), "volumes/cache.removed is a link");
    refuses(link("cache.count"), "cache.count: Too many levels of symbolic links");
    refuses(
        |volumes| std::fs::write(volumes.join("cache"), "").unwrap(),
        "volumes/cache is no folder; move it away",
    );
    refuses(
        |volumes| std::fs::create_dir(volumes.join("cache.count")).unwrap(),
        "cache.count: Is a directory",
    );
}
