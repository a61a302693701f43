//! The inside of a cell.

use crate::cell::Ending;
use crate::{Layers, Policy, SandboxError};

/// Proof of being inside a cell, and the way to close the door behind.
#[derive(Debug)]
pub struct Entered {
    pub(super) layers: Layers,
    pub(super) ending: Ending,
}

impl Entered {
    /// What the machine offers, and the namespaces already in force.
    pub fn layers(&self) -> &Layers {
        &self.layers
    }

    /// The way to end by a signal; can be kept and used from any thread, also after `lock_down`.
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Puts up every wall the machine offers; returns what is in force. Nothing can take it back.
    ///
    /// Call it after everything is loaded, before guest code, and before any other thread exists.
    pub fn lock_down(&self, policy: &Policy<'_>) -> Result<Layers, SandboxError> {
        crate::lockdown::apply(policy, self.layers.clone())
    }
}
