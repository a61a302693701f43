//! The groups of a process and its children.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statfs;

use super::CgroupError;
use super::group::{Cgroup, CgroupLimits, write};

/// Where this process and what it starts for itself are.
const NODE: &str = "node";
/// What the names of groups of cells begin with.
const CELL: &str = "cell-";
/// What limits need, and with what they do.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

/// A group of which this process makes smaller ones.
#[derive(Debug)]
pub struct CgroupTree {
    root: PathBuf,
    controllers: Vec<&'static str>,
}

impl CgroupTree {
    /// The group that this process was given, or for root a new one at the top with this name.
    ///
    /// # Errors
    /// [`CgroupError`], where there is no such thing here.
    pub fn take_over(name: &str) -> Result<CgroupTree, CgroupError> {
        let mount = mount()?;
        let text = fs::read_to_string("/proc/self/cgroup")
            .map_err(CgroupError::refused("/proc/self/cgroup".into()))?;
        CgroupTree::below(mount, own(&text), name, std::process::id())
    }

    /// As [`take_over`](Self::take_over), of the process `pid` in the group `own` below `mount`.
    pub(super) fn below(mount: &Path, own: &str, name: &str, pid: u32) -> Result<CgroupTree, CgroupError> {
        // A node that took the place of another is where that one was.
        let own = own.strip_suffix(&format!("/{NODE}")).unwrap_or(own);
        let given = if own.is_empty() { None } else { Some(CgroupTree::given(&mount.join(own), pid)) };
        match given {
            Some(Ok(tree)) => Ok(tree),
            given => match CgroupTree::at_the_top(mount, name) {
                Ok(tree) => Ok(tree),
                Err(error) => Err(given.and_then(Result::err).unwrap_or(error)),
            },
        }
    }

    /// Shares out the group at `root`, if it is this process' alone.
    fn given(root: &Path, pid: u32) -> Result<CgroupTree, CgroupError> {
        if processes(root)?.iter().any(|other| *other != pid) {
            return Err(CgroupError::Shared(root.to_owned()));
        }
        let node = root.join(NODE);
        make(&node)?;
        write(&node.join("cgroup.procs"), &pid.to_string())?;
        let tree = CgroupTree::sharing(root)?;
        tree.sweep();
        if tree.has("cpu") {
            // Whoever answers for all comes before any one tenant.
            write(&node.join("cpu.weight"), "1000")?;
        }
        Ok(tree)
    }

    fn at_the_top(mount: &Path, name: &str) -> Result<CgroupTree, CgroupError> {
        enable(mount)?;
        let root = mount.join(name);
        make(&root)?;
        let tree = CgroupTree::sharing(&root)?;
        tree.sweep();
        Ok(tree)
    }

    fn sharing(root: &Path) -> Result<CgroupTree, CgroupError> {
        let controllers = enable(root)?;
        if controllers.is_empty() {
            return Err(CgroupError::NoControllers { path: root.to_owned(), wanted: "memory, pids, cpu" });
        }
        Ok(CgroupTree { root: root.to_owned(), controllers })
    }

    /// Makes the group of the cell with this number. Limits whose controller is not here are left out.
    ///
    /// # Errors
    /// [`CgroupError`]; nothing is left behind.
    pub fn cell(&self, number: u64, limits: &CgroupLimits) -> Result<Cgroup, CgroupError> {
        self.sweep();
        Cgroup::make(self.root.join(format!("{CELL}{number}")), limits, |name| self.has(name))
    }

    /// The controllers that are missing, for people.
    pub fn missing(&self) -> Vec<&'static str> {
        CONTROLLERS.into_iter().filter(|name| !self.has(name)).collect()
    }

    fn has(&self, controller: &str) -> bool {
        self.controllers.contains(&controller)
    }

    /// Removes groups whose last process has ended: those that a killed process has left, and those whose processes
    /// were a moment longer there than whoever waited for them.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(CELL) {
                // The kernel keeps those that are in use.
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

impl Drop for CgroupTree {
    fn drop(&mut self) {
        self.sweep();
        // Where this process lives in it, it stays.
        let _ = fs::remove_dir(&self.root);
    }
}

/// Where version 2 is mounted.
fn mount() -> Result<&'static Path, CgroupError> {
    const V2: u64 = 0x6367_7270;
    const TMPFS: u64 = 0x0102_1994;
    let mount = Path::new("/sys/fs/cgroup");
    match statfs(mount).map(|fs| fs.f_type as u64) {
        Ok(V2) => Ok(mount),
        Ok(TMPFS) => Err(CgroupError::Version(
            "this machine uses control groups of version 1; boot it with systemd.unified_cgroup_hierarchy=1",
        )),
        _ => Err(CgroupError::Version("no control groups are mounted in /sys/fs/cgroup")),
    }
}

/// The group of a process relative to the mount point, from the text of its `/proc/PID/cgroup`; empty at the top.
fn own(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default()
}

/// Hands the controllers of a group down; returns those that are there.
fn enable(group: &Path) -> Result<Vec<&'static str>, CgroupError> {
    let path = group.join("cgroup.controllers");
    let text = fs::read_to_string(&path).map_err(CgroupError::refused(path))?;
    let there: Vec<_> =
        CONTROLLERS.into_iter().filter(|name| text.split_whitespace().any(|word| word == *name)).collect();
    let wanted: Vec<_> = there.iter().map(|name| format!("+{name}")).collect();
    write(&group.join("cgroup.subtree_control"), &wanted.join(" "))?;
    Ok(there)
}

fn processes(group: &Path) -> Result<Vec<u32>, CgroupError> {
    let path = group.join("cgroup.procs");
    let text = fs::read_to_string(&path).map_err(CgroupError::refused(path))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

fn make(group: &Path) -> Result<(), CgroupError> {
    match fs::create_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(CgroupError::Refused { path: group.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A folder with the files that the kernel would put into a group. What the kernel does with them is not here.
    fn group(mount: &TempDir, name: &str, controllers: &str, processes: &str) -> PathBuf {
        let path = mount.path().join(name);
        fs::create_dir_all(&path).expect("a folder");
        fs::write(path.join("cgroup.controllers"), controllers).expect("a file");
        fs::write(path.join("cgroup.procs"), processes).expect("a file");
        path
    }

    fn read(path: PathBuf) -> String {
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    const OWN: &str = "system.slice/tombolo.service";

    #[test]
    fn a_group_that_was_given_is_shared_out_and_this_process_moves_down() {
        let mount = tempfile::tempdir().expect("a folder");
        let root = group(&mount, OWN, "cpuset cpu io memory pids\n", "7\n");
        let tree = CgroupTree::below(mount.path(), OWN, "tombolo", 7).expect("taken over");
        assert_eq!(read(root.join("node/cgroup.procs")), "7");
        assert_eq!(read(root.join("node/cpu.weight")), "1000");
        assert_eq!(read(root.join("cgroup.subtree_control")), "+memory +pids +cpu");
        assert_eq!(tree.missing(), [""; 0]);
    }

    #[test]
    fn a_node_that_follows_another_finds_its_place() {
        let mount = tempfile::tempdir().expect("a folder");
        let root = group(&mount, OWN, "memory pids\n", "");
        let left = group(&mount, &format!("{OWN}/cell-3"), "", "");
        for file in ["cgroup.controllers", "cgroup.procs"] {
            fs::remove_file(left.join(file)).expect("the kernel's files go with their group");
        }
        let tree = CgroupTree::below(mount.path(), &format!("{OWN}/node"), "tombolo", 7).expect("taken over");
        assert_eq!(tree.root, root);
        assert_eq!(tree.missing(), ["cpu"]);
        assert!(!left.exists(), "what the one before has left is removed");
    }

    #[test]
    fn a_group_with_others_in_it_is_left_alone_and_one_made_at_the_top() {
        let mount = tempfile::tempdir().expect("a folder");
        group(&mount, "user.slice/session-1.scope", "memory pids cpu\n", "7\n8\n");
        group(&mount, "", "memory pids cpu\n", "");
        let shared = CgroupTree::below(mount.path(), "user.slice/session-1.scope", "tombolo", 7);
        assert!(matches!(shared, Err(CgroupError::Refused { .. } | CgroupError::Shared(_))), "{shared:?}");
        // As the kernel would have filled it.
        group(&mount, "tombolo", "memory pids cpu\n", "");
        let tree = CgroupTree::below(mount.path(), "user.slice/session-1.scope", "tombolo", 7);
        assert_eq!(tree.expect("made").root, mount.path().join("tombolo"));
        let at_the_top = CgroupTree::below(mount.path(), "", "tombolo", 7).expect("made");
        assert_eq!(at_the_top.root, mount.path().join("tombolo"));
    }

    #[test]
    fn without_a_controller_there_is_nothing_to_share() {
        let mount = tempfile::tempdir().expect("a folder");
        group(&mount, OWN, "hugetlb\n", "7\n");
        let error = CgroupTree::below(mount.path(), OWN, "tombolo", 7).expect_err("nothing to limit with");
        assert!(matches!(error, CgroupError::NoControllers { .. }), "{error}");
    }

    #[test]
    fn a_cell_gets_the_limits_for_which_there_are_controllers() {
        let mount = tempfile::tempdir().expect("a folder");
        let root = group(&mount, OWN, "memory cpu\n", "7\n");
        let tree = CgroupTree::below(mount.path(), OWN, "tombolo", 7).expect("taken over");
        let limits = CgroupLimits { memory_bytes: 1 << 30, processes: 64 };
        let cell = tree.cell(4, &limits).expect("made");
        assert_eq!(read(root.join("cell-4/memory.max")), "1073741824");
        assert_eq!(read(root.join("cell-4/memory.oom.group")), "1");
        assert!(!root.join("cell-4/pids.max").exists());
        assert_eq!(cell.memory_kills(), 0);
        fs::write(root.join("cell-4/memory.events"), "low 0\nmax 9\noom_kill 2\n").expect("a file");
        assert_eq!(cell.memory_kills(), 2);
    }

    #[test]
    fn the_own_group_is_that_of_version_two() {
        assert_eq!(own("9:name=systemd:/x\n0::/system.slice/tombolo.service\n"), OWN);
        assert_eq!(own("0::/\n"), "");
        assert_eq!(own("4:memory:/x\n"), "");
    }
}
