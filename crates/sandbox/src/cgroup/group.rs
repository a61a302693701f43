//! One group with its limits.

use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use super::CgroupError;

/// What the processes of a group may use together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupLimits {
    /// Memory in bytes, the kernel's own for them included. Who wants more ends, all processes of the group together.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub processes: u64,
}

/// A group; it goes when this is dropped and its last process has ended.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    processes: File,
}

impl Cgroup {
    pub(super) fn make(
        path: PathBuf,
        limits: &CgroupLimits,
        has: impl Fn(&str) -> bool,
    ) -> Result<Cgroup, CgroupError> {
        fs::create_dir(&path).map_err(CgroupError::refused(path.clone()))?;
        let made = limit(&path, limits, has).and_then(|()| {
            let file = path.join("cgroup.procs");
            File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(&file)
                .map_err(CgroupError::refused(file))
        });
        match made {
            Ok(processes) => Ok(Cgroup { path, processes }),
            Err(error) => {
                // The first error is the one to tell.
                let _ = fs::remove_dir(&path);
                Err(error)
            }
        }
    }

    /// Whoever writes `0` here is in the group.
    pub(crate) fn processes(&self) -> BorrowedFd<'_> {
        self.processes.as_fd()
    }

    /// How often the kernel ended a process of the group for the memory it wanted.
    pub fn memory_kills(&self) -> u64 {
        let text = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok());
        count.unwrap_or_default()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // One that is still in use is removed when the next one is made.
        let _ = fs::remove_dir(&self.path);
    }
}

fn limit(group: &Path, limits: &CgroupLimits, has: impl Fn(&str) -> bool) -> Result<(), CgroupError> {
    if has("memory") {
        write(&group.join("memory.max"), &limits.memory_bytes.to_string())?;
        write(&group.join("memory.oom.group"), "1")?;
        // Without swap there is no such file, and no need for it.
        let _ = write(&group.join("memory.swap.max"), "0");
    }
    if has("pids") {
        write(&group.join("pids.max"), &limits.processes.to_string())?;
    }
    Ok(())
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), CgroupError> {
    fs::write(path, text).map_err(CgroupError::refused(path.to_owned()))
}
