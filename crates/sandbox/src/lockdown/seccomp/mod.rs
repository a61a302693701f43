//! seccomp: which system calls are left (seccomp(2)).
//!
//! Everything not listed fails with `EPERM`, which libraries take for "not here" and work around. What only an
//! attack would try ends the process, so that it is seen. The lists with their reasons are in `allow` and `deadly`.

mod allow;
mod deadly;
mod entry;
mod program;

use std::io;

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
    let program = program::compile(arch, entries(policy));
    put_up(&program).map_err(|source| SandboxError::System { what: "put up the seccomp filter", source })?;
    layers.set(Layer::Seccomp, Status::InForce(format!("{} instructions", program.len()).into()));
    Ok(())
}

/// The kernel takes a filter only from who cannot gain privileges by running a program under it.
fn put_up(program: &[libc::sock_filter]) -> io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    let len = program.len().try_into().map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel copies the program, which has the length given, and does not write to it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
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
        (policy.shared_files, allow::SHARED_FILES),
        (network || policy.given_sockets, allow::SOCKETS),
        (policy.given_sockets && !network, allow::GIVEN_SOCKETS),
        (policy.passes_descriptors && !network, allow::PASSING),
        (network, allow::OWN_SOCKETS),
        (network, allow::TCP),
        (network && policy.udp, allow::UDP),
        (true, deadly::DEADLY),
    ];
    lists.into_iter().filter(|(wanted, _)| *wanted).flat_map(|(_, list)| list).collect()
}

#[cfg(test)]
mod tests;
