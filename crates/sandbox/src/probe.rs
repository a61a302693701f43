//! What this machine offers.

use std::ffi::c_long;
use std::io;

use rustix::fs::{Access, AtFlags, CWD, accessat, statfs};

use crate::{CellPlan, Layer, Layers, Policy, Status, run_in_cell};

/// What this machine seems to offer; a few tens of system calls, and starts no process.
///
/// A namespace is reported as available if the kernel has it and its limits do not forbid it; whether a security
/// module refuses it is only known when it is made, see [`probe_fully`].
pub fn probe() -> Layers {
    let mut layers = kernel();
    for (layer, name) in [
        (Layer::UserNamespace, "user"),
        (Layer::PidNamespace, "pid"),
        (Layer::IpcNamespace, "ipc"),
        (Layer::NetNamespace, "net"),
        (Layer::MountNamespace, "mnt"),
    ] {
        layers.set(layer, namespace(name));
    }
    layers
}

/// What a cell on this machine really gets: locks one down and asks it. Takes about a millisecond.
///
/// The caller must be single threaded. Where no cell can be started the result is that of [`probe`].
pub fn probe_fully() -> Layers {
    let Ok((mut reader, mut writer)) = io::pipe() else { return probe() };
    let verdict = run_in_cell(&CellPlan::default(), move |entered| {
        let locked = entered.lock_down(&Policy::default());
        let told = locked.map(|layers| io::Write::write_all(&mut writer, layers.to_lines().as_bytes()));
        u8::from(!matches!(told, Ok(Ok(()))))
    });
    let mut text = String::new();
    match verdict.map(|_| io::Read::read_to_string(&mut reader, &mut text)) {
        Ok(Ok(_)) => Layers::from_lines(&text).unwrap_or_else(probe),
        _ => probe(),
    }
}

/// What can be told by single system calls, without the namespaces.
pub(crate) fn kernel() -> Layers {
    let abi = landlock_abi();
    Layers::new(|layer| match layer {
        Layer::NoNewPrivs | Layer::Capabilities | Layer::NoCore | Layer::NotDumpable => available(""),
        Layer::Landlock => landlock(&abi, 1),
        Layer::TcpPorts => landlock(&abi, 4),
        Layer::Scope => landlock(&abi, 6),
        Layer::Seccomp => seccomp(),
        Layer::MountNamespace => Status::NotUsed("Landlock keeps the files".into()),
        Layer::Cgroup => cgroup(),
        _ => available(""),
    })
}

fn available(detail: &'static str) -> Status {
    Status::Available(detail.into())
}

/// The version of the kernel's interface, or why there is none (landlock_create_ruleset(2)).
pub(crate) fn landlock_abi() -> Result<c_long, &'static str> {
    const VERSION: c_long = 1;
    // SAFETY: with this flag and no attributes the call only returns a number.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, VERSION) };
    match abi {
        1.. => Ok(abi),
        _ if io::Error::last_os_error().raw_os_error() == Some(libc::EOPNOTSUPP) => {
            Err("switched off at boot; add landlock to the kernel's lsm= parameter")
        }
        _ => Err("the kernel has no Landlock (5.13 or later is needed)"),
    }
}

pub(crate) fn landlock(abi: &Result<c_long, &'static str>, needed: c_long) -> Status {
    match abi {
        Ok(abi) if *abi >= needed => Status::Available(format!("ABI {abi}").into()),
        Ok(abi) => Status::Missing(format!("ABI {abi}; ABI {needed} is needed").into()),
        Err(why) => Status::Missing((*why).into()),
    }
}

fn seccomp() -> Status {
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    // SAFETY: the call reads one number and changes nothing.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &KILL) };
    match answer {
        _ if !crate::lockdown::seccomp_has_filter() => {
            Status::Missing("no filter for this architecture".into())
        }
        0 => available(""),
        _ => Status::Missing("the kernel has no seccomp filters (4.14 or later is needed)".into()),
    }
}

fn cgroup() -> Status {
    const V2: u64 = 0x6367_7270;
    const TMPFS: u64 = 0x0102_1994;
    match statfs("/sys/fs/cgroup").map(|fs| fs.f_type as u64) {
        Ok(V2) => Status::NotUsed("v2; for the cells of a node".into()),
        Ok(TMPFS) => Status::NotUsed("v1; for the cells of a node".into()),
        _ => Status::Missing("no cgroup file system in /sys/fs/cgroup".into()),
    }
}

fn namespace(name: &str) -> Status {
    if accessat(CWD, format!("/proc/self/ns/{name}"), Access::EXISTS, AtFlags::empty()).is_err() {
        return Status::Missing("the kernel has none, or /proc is not mounted".into());
    }
    if name == "user" && setting("user/max_user_namespaces") == Some(0) {
        return Status::Missing("forbidden by sysctl user.max_user_namespaces".into());
    }
    if name == "user" && setting("kernel/unprivileged_userns_clone") == Some(0) {
        return Status::Missing("forbidden by sysctl kernel.unprivileged_userns_clone".into());
    }
    if name == "user" && setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        return Status::Available("AppArmor may refuse it".into());
    }
    available("")
}

fn setting(name: &str) -> Option<u64> {
    std::fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}
