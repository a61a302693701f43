//! The inside of a cell.

use super::clone::{self, Granted};
use super::net;
use super::{CellPlan, Ending};
use crate::{Layer, Layers, Policy, SandboxError, Status, lockdown, probe, threads};

/// Proof of being inside a cell, and the way to close the door behind.
#[derive(Debug)]
pub struct Entered {
    layers: Layers,
    ending: Ending,
    wants_empty_net: bool,
}

impl Entered {
    pub(super) fn new(plan: &CellPlan, granted: Granted, ending: Ending) -> Self {
        let mut layers = probe::kernel();
        granted.note(&mut layers);
        let wants_empty_net = !plan.network && plan.walls.has(Layer::NetNamespace);
        let status = match (wants_empty_net, plan.network) {
            (true, _) => Status::Available("at the lock-down".into()),
            (false, true) => Status::NotUsed("a grant needs the network".into()),
            (false, false) => Status::NotUsed("left out".into()),
        };
        layers.set(Layer::NetNamespace, status);
        Entered { layers, ending, wants_empty_net }
    }

    /// What the machine offers, and the namespaces already in force. The network namespace comes with
    /// [`lock_down`](Self::lock_down).
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The way to end by a signal; can be kept and used from any thread, also after `lock_down`.
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Puts up every wall the machine offers; returns what is in force. Nothing can take it back.
    ///
    /// Call it after everything is loaded, before guest code, and before any other thread exists. Fails with
    /// [`SandboxError::Missing`] for a required layer that is not in force, with [`SandboxError::Threads`] if the
    /// process has other threads, and if the kernel refuses rules for a layer that it has. Some walls may be up
    /// after a failure: the caller can only end the cell.
    pub fn lock_down(&self, policy: &Policy<'_>) -> Result<Layers, SandboxError> {
        let mut layers = self.layers.clone();
        if self.wants_empty_net {
            threads::only_one("enter a network namespace")?;
            layers.set(Layer::NetNamespace, net::enter_empty_namespace());
        }
        if matches!(layers.get(Layer::UserNamespace), Status::Available(_)) {
            threads::only_one("enter a user namespace")?;
            layers.set(Layer::UserNamespace, clone::enter_user_namespace());
        }
        lockdown::apply(policy, layers)
    }
}
