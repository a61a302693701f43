//! Many saves leave nothing behind.

use std::path::{Path, PathBuf};

use crate::project::Project;
use crate::world::{Dev, answering, family};

/// What a session holds on to.
#[derive(Debug)]
struct Held {
    processes: usize,
    descriptors: usize,
    /// Memory images of programs, of which the engine keeps the last ones warm.
    images: usize,
    threads: usize,
    /// Of the session and of its server, in KiB.
    resident: [u64; 2],
    files: usize,
}

impl Held {
    fn by(dev: &Dev, temporary: &Path, project: &Project) -> Held {
        let family = family(dev.child.id());
        let open: Vec<PathBuf> = family.iter().flat_map(|pid| entries(format!("/proc/{pid}/fd"))).collect();
        let (images, others): (Vec<_>, Vec<_>) =
            open.iter().map(|path| std::fs::read_link(path).unwrap_or_default()).partition(|to| is_image(to));
        Held {
            processes: family.len(),
            descriptors: others.len(),
            images: images.len(),
            threads: family.iter().flat_map(|pid| entries(format!("/proc/{pid}/task"))).count(),
            resident: [resident(family[0]), resident(family[1])],
            files: files(temporary) + files(&project.folder),
        }
    }
}

/// What a pool of instances keeps when it is told nothing else.
const IMAGES_MAX: usize = 100;

#[test]
fn two_hundred_saves_leak_nothing() {
    let table = "component = \"f.wat\"\nbuild = \"cp main.wat f.wat\"\non = [\"http GET /*\"]";
    let project = Project::of(&[("f", table)], &[("main.wat", &answering("0"))]);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = project.tombolo(&["dev", "--listen", "127.0.0.1:0"]);
    let dev = Dev::serving(command.env("TMPDIR", temporary.path()));
    let save = |number: u32| {
        project.write("main.wat", &answering(&number.to_string()));
        dev.wait_for("swapped to the new version");
        assert_eq!(dev.body(), number.to_string());
    };
    (1..=20).for_each(save);
    let before = Held::by(&dev, temporary.path(), &project);
    (21..=220).for_each(save);
    let after = Held::by(&dev, temporary.path(), &project);
    eprintln!("before: {before:?}\nafter: {after:?}");
    assert_eq!(after.processes, before.processes);
    assert_eq!(after.files, before.files);
    assert!(after.descriptors <= before.descriptors + 4, "{before:?} {after:?}");
    assert!(after.images <= IMAGES_MAX, "{after:?}");
    assert!(after.threads <= before.threads + 4, "{before:?} {after:?}");
    for (after, before) in after.resident.iter().zip(before.resident) {
        assert!(*after < before + 16 * 1024, "{before} KiB became {after} KiB");
    }
}

/// `VmRSS` of proc(5).
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn is_image(path: &Path) -> bool {
    path.to_string_lossy().contains("wasm-memory-image")
}

fn files(folder: &Path) -> usize {
    entries(folder).iter().map(|path| if path.is_dir() { files(path) } else { 1 }).sum()
}

fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
