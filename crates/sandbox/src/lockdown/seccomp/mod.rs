//! seccomp: which system calls are left (seccomp(2)).
//!
//! Everything not listed fails with `EPERM`, which libraries take for "not here" and work around. What only an
//! attack would try ends the process, so that it is seen. The lists with their reasons are in `allow` and `deadly`.

mod allow;
mod deadly;
mod entry;
mod program;

use self::entry::Entry;
use super::{Access, Network, Policy};
use crate::{Layer, Layers, SandboxError, Status};

/// True if there is a list for this architecture.
pub(crate) const fn has_filter() -> bool {
    program::AUDIT_ARCH.is_some()
}

/// Puts up the filter for this and all later threads, if the kernel has seccomp.
pub(super) fn install(policy: &Policy<'_>, layers: &mut Layers) -> Result<(), SandboxError> {
    if !policy.walls.has(Layer::Seccomp) {
        layers.set(Layer::Seccomp, Status::NotUsed("left out".into()));
    }
    let (Status::Available(_), Some(arch)) = (layers.get(Layer::Seccomp), program::AUDIT_ARCH) else {
        return Ok(());
    };
    let failed =
        |error: seccompiler::Error| SandboxError::Layer { layer: Layer::Seccomp, why: error.to_string() };
    let program = program::compile(arch, &entries(policy)).map_err(|error| failed(error.into()))?;
    seccompiler::apply_filter(&program).map_err(failed)?;
    layers.set(Layer::Seccomp, Status::InForce(format!("{} instructions", program.len()).into()));
    Ok(())
}

/// All entries that the policy asks for.
fn entries(policy: &Policy<'_>) -> Vec<&'static Entry> {
    let network = policy.network != Network::None;
    let writes = policy.files.iter().any(|rule| rule.access == Access::ReadWrite);
    let lists = [
        (true, allow::ALWAYS),
        (true, allow::ARCHITECTURE),
        (!policy.late_code, allow::DATA_ONLY),
        (policy.late_code, allow::LATE_CODE),
        (!policy.files.is_empty(), allow::FILES),
        (writes, allow::WRITES),
        (network || policy.given_sockets, allow::SOCKETS),
        (network, allow::TCP),
        (network && policy.udp, allow::UDP),
        (true, deadly::DEADLY),
    ];
    lists.into_iter().filter(|(wanted, _)| *wanted).flat_map(|(_, list)| list).collect()
}

#[cfg(test)]
mod tests;
