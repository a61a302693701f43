//! Control groups, version 2: what processes may use of the machine together (cgroups(7)).
//!
//! ```text
//! what was given to this process        or, for root where nothing was: a group of its own at the top
//!   ├─ node       this process, and those it starts for itself
//!   ├─ cell-1     one group for each cell, with its limits
//!   └─ cell-2
//! ```
//!
//! A group that shares its controllers out to groups below may hold no process itself. So a process that was given a
//! group (systemd's `Delegate=`) moves down to share it out.

mod group;
mod tree;

use std::io;
use std::path::PathBuf;

pub use group::{Cgroup, CgroupLimits};
pub use tree::CgroupTree;

/// Why there are no control groups. The machine's choice: whoever asked goes on without.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// Version 1, the two mixed, or none.
    #[error("{0}")]
    Version(&'static str),
    /// Somebody else's processes are in the group of this process, and it may not make one elsewhere.
    #[error("{} is shared with other processes; give the node a group of its own (systemd: Delegate=yes)", .0.display())]
    Shared(PathBuf),
    /// The kernel, or whoever set up the groups, says no.
    #[error("{}: {source}; give the node a group of its own (systemd: Delegate=yes)", path.display())]
    Refused {
        /// What was to be written or made.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// None of the controllers that limits need is there.
    #[error("{} has none of the controllers {wanted}; they are shared out further up", path.display())]
    NoControllers {
        /// The group.
        path: PathBuf,
        /// The ones that were looked for.
        wanted: &'static str,
    },
}

impl CgroupError {
    fn refused(path: PathBuf) -> impl FnOnce(io::Error) -> CgroupError {
        move |source| CgroupError::Refused { path, source }
    }
}
