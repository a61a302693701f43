use std::os::fd::AsFd;

use tempfile::TempDir;

use super::*;
use crate::fs::beneath::{Opened, PathError};
use crate::fs::policy::OpenRequest;

struct World {
    root: TempDir,
    quota: Quota,
}

impl World {
    fn new(bytes_max: u64) -> World {
        let root = TempDir::new().unwrap();
        let volume = Arc::new(Volume::open(root.path(), "cache").unwrap());
        World { root, quota: Quota { volume, bytes_max } }
    }

    fn dir(&self) -> &File {
        &self.quota.volume.folder
    }

    fn try_open(&self, path: &str, request: OpenRequest) -> Result<Arc<File>, PathError> {
        let request = OpenRequest { read: true, write: true, follow: true, ..request };
        let Opened::File(file) = self.quota.open(self.dir(), path, &request)? else { panic!("a file") };
        let file = Arc::new(file);
        self.quota.opened(&file);
        Ok(file)
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
        let mut state = self.quota.volume.state();
        state.sweep();
        (state.held.bytes, state.held.names)
    }

    /// What it says it holds is what is there.
    #[track_caller]
    fn holds(&self, bytes: u64, names: u64) {
        assert_eq!(self.held(), (bytes, names));
        let there = count::count(&self.root.path().join("volumes/cache")).unwrap();
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
    let World { root, quota } = world;
    drop(quota);
    let volume = Arc::new(Volume::open(root.path(), "cache").unwrap());
    let world = World { root, quota: Quota { volume, bytes_max: 1000 } };
    world.holds(3000, 2);
    let file = world.create("a");
    assert_eq!(world.quota.write(&file, &[1; 100], Place::At(0)), Ok(100));
    assert_eq!(world.quota.write(&file, &[1; 100], Place::End), Err(Errno::DQUOT));
}

#[test]
fn a_volume_belongs_to_one_process_at_a_time() {
    let world = World::new(1000);
    let again = Volume::open(world.root.path(), "cache").map(drop).unwrap_err().to_string();
    assert_eq!(
        again,
        "the volume \"cache\" is in use by another tombolo; end that one, or name another folder with --data"
    );
    let World { root, quota } = world;
    drop(quota);
    assert!(Volume::open(root.path(), "cache").is_ok());
}
