//! What cells may use of the machine: a control group for each, where there is such a thing.

use serde_json::{Value, json};
use tombolo_sandbox::{Cgroup, CgroupLimits, CgroupTree, Layer};
use tombolo_spec::ByteSize;

use super::node::Options;
use crate::reconcile::CellId;

/// What a cell takes besides the memory of its instances: compiled code, stacks, buffers, caches of stores, and what
/// the kernel keeps for it.
const OVERHEAD_BYTES: u64 = 256 << 20;
/// Threads of a cell besides its workers, most of them short-lived, and its front.
const MORE_THREADS: u64 = 1024;

/// The control groups of a node.
#[derive(Debug)]
pub(crate) struct Groups {
    tree: Result<CgroupTree, String>,
    limits: CgroupLimits,
}

/// A cell's group, and what there is to say about it.
#[derive(Debug)]
pub(super) struct Group {
    /// None where the machine has none.
    pub(super) cgroup: Option<Cgroup>,
    status: Value,
}

impl Groups {
    /// Looks for them; to be called before any child is started.
    pub(super) fn new(options: &Options) -> Groups {
        let limits = CgroupLimits {
            memory_bytes: options.cell_memory_bytes.saturating_add(OVERHEAD_BYTES),
            processes: options.workers as u64 + MORE_THREADS,
        };
        let tree = CgroupTree::take_over(&options.dirs.name()).map_err(|error| error.to_string());
        Groups { tree, limits }
    }

    /// What is in force, or why nothing is; for people.
    pub(crate) fn describe(&self) -> String {
        match &self.tree {
            Ok(tree) if tree.missing().is_empty() => format!("in force: {}", self.bounds()),
            Ok(tree) => {
                format!(
                    "in force: {}, but there is no controller for {}",
                    self.bounds(),
                    tree.missing().join(", ")
                )
            }
            Err(why) => format!("missing: {why}"),
        }
    }

    fn bounds(&self) -> String {
        let CgroupLimits { memory_bytes, processes } = self.limits;
        format!("{} of memory and {processes} threads a cell", ByteSize(memory_bytes))
    }

    /// Why cells have no groups, or none for something.
    pub(super) fn trouble(&self) -> Option<String> {
        let is_whole = self.tree.as_ref().is_ok_and(|tree| tree.missing().is_empty());
        (!is_whole).then(|| self.describe())
    }

    /// A group for a cell. One that cannot be made is done without.
    pub(super) fn cell(&self, cell: CellId) -> Group {
        let made = match &self.tree {
            Ok(tree) => tree.cell(cell.0, &self.limits).map_err(|error| error.to_string()),
            Err(why) => Err(why.clone()),
        };
        match made {
            Ok(cgroup) => Group {
                cgroup: Some(cgroup),
                status: json!({ "status": "in-force", "detail": self.bounds() }),
            },
            Err(why) => Group { cgroup: None, status: json!({ "status": "missing", "detail": why }) },
        }
    }
}

impl Group {
    /// Adds itself to what a cell says of the walls around it: it cannot know.
    pub(super) fn note(&self, layers: &mut Value) {
        if let Some(layers) = layers.as_object_mut() {
            layers.insert(Layer::Cgroup.name().to_owned(), self.status.clone());
        }
    }

    /// Why the cell ended, if it was for its memory.
    pub(super) fn took_too_much(&self) -> Option<String> {
        let kills = self.cgroup.as_ref().map_or(0, Cgroup::memory_kills);
        (kills > 0)
            .then(|| "the cell wanted more memory than it may have; raise `tombolo node --memory`".to_owned())
    }
}
