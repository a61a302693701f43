//! The bypass bypasses: tests of the layer below would say nothing if WASI still defended.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;

use rustix::fs::OFlags;
use tombolo_spec::{Grant, GrantSet};

use super::beneath::{self, Follow, Opened};
use super::{Blocking, Dirs};

#[test]
fn paths_lead_out_and_a_read_only_grant_can_be_written() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("in")).unwrap();
    fs::write(root.path().join("canary"), "canary").unwrap();
    symlink("../canary", root.path().join("in/link")).unwrap();
    let grants: GrantSet =
        ["dir ./in as /in read"].iter().map(|line| line.parse::<Grant>().unwrap()).collect();
    let dirs = Dirs::open(&grants, root.path(), None, Blocking::Inline).unwrap();
    assert!(dirs.list[0].writable());
    let absolute = root.path().join("canary");
    for path in ["../canary", "link", absolute.to_str().unwrap()] {
        let opened = beneath::open(dirs.list[0].fd().as_fd(), path, OFlags::RDWR, Follow::Yes).unwrap();
        assert!(matches!(opened, Opened::File(_)), "{path}");
    }
}
