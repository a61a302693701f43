//! What the process itself is: its capabilities, and who may look into it.

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities,
    set_capabilities_secure_bits, set_no_new_privs,
};

use crate::{SandboxError, Status};

/// The kernel's number of capabilities fits one word of 64 (capabilities(7)).
const CAPABILITY_NUMBERS: std::ops::Range<u32> = 0..64;

/// Empties every set. The bounding set and the secure bits need a capability themselves: without it there is
/// nothing to lose, and `no_new_privs` keeps it so. In a user namespace of its own the bounding set bounds nothing
/// but rights over that namespace, and its 41 calls are not worth their 0.04 ms.
pub(super) fn drop_capabilities(own_namespace: bool) -> Result<Status, SandboxError> {
    match clear_ambient_capability_set() {
        // Kernels before 4.3 have no ambient set.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(errno) => return Err(SandboxError::system("clear the ambient capabilities")(errno)),
    }
    if !own_namespace {
        let _ = CAPABILITY_NUMBERS.take_while(|&number| leave_bounding_set(number)).count();
    }
    let _ = set_capabilities_secure_bits(
        CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::NO_SETUID_FIXUP
            | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
    );
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(SandboxError::system("drop the capabilities"))?;
    Ok(in_force())
}

/// False if the kernel has no such capability, or this process may not.
fn leave_bounding_set(number: u32) -> bool {
    // SAFETY: the call takes two numbers.
    unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) == 0 }
}

pub(super) fn no_core() -> Result<Status, SandboxError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(SandboxError::system("forbid core files"))?;
    Ok(in_force())
}

pub(super) fn not_dumpable() -> Result<Status, SandboxError> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(SandboxError::system("make the process not dumpable"))?;
    Ok(in_force())
}

pub(super) fn no_new_privs() -> Result<Status, SandboxError> {
    set_no_new_privs(true).map_err(SandboxError::system("forbid new privileges"))?;
    Ok(in_force())
}

fn in_force() -> Status {
    Status::InForce("".into())
}
