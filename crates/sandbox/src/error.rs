//! What can go wrong while a wall is built.

use std::io;

use crate::Layer;

/// A wall could not be built. All of these are the machine's or tombolo's fault, never the guest's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A system call that every supported kernel has was refused.
    #[error("sandbox: {what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A layer that the caller requires is not in force.
    #[error(
        "sandbox: required {} not in force: {}; `--sandbox report` shows what is, or require less",
        if .missing.len() == 1 { "layer is" } else { "layers are" },
        list(.missing)
    )]
    Missing {
        /// The layers and why each is missing.
        missing: Vec<(Layer, String)>,
    },
    /// A wall that covers one thread only would not cover the others.
    #[error("sandbox: {what} with more than one thread; start threads after it")]
    Threads {
        /// What was being done.
        what: &'static str,
    },
    /// A layer the kernel has refused the rules made for it.
    #[error("sandbox: {layer}: {why}")]
    Layer {
        /// The layer that failed.
        layer: Layer,
        /// What its library or the kernel said.
        why: String,
    },
}

impl SandboxError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::System { what, source: errno.into() }
    }
}

fn list(missing: &[(Layer, String)]) -> String {
    let one = |(layer, why): &(Layer, String)| match why.as_str() {
        "" => layer.to_string(),
        why => format!("{layer} ({why})"),
    };
    missing.iter().map(one).collect::<Vec<_>>().join(", ")
}
