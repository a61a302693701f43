//! Processes beside the server that keep rights which it gives up: they do one thing each and read nothing of any
//! client's.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use anyhow::Context;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tombolo_sandbox::{Rlimits, spawn_limited};

/// Starts this program as `command` with `arguments`; gives the server's end of the socket between them. The helper
/// ends when the server does.
///
/// To be called early: a small process is copied faster.
pub(super) fn start<A: AsRef<OsStr>>(
    command: &str,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<UnixStream> {
    let failed = || format!("the helper {command} cannot be started");
    let (own, theirs) = UnixStream::pair().with_context(failed)?;
    let mut helper = Command::new(std::env::current_exe().with_context(failed)?);
    helper.arg(command).args(arguments).stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null());
    spawn_limited(helper, &Rlimits::default()).with_context(failed)?;
    Ok(own)
}

/// The helper's end of the socket.
pub(super) fn socket() -> std::io::Result<UnixStream> {
    Ok(UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

/// Makes this process deaf to what a terminal or a service manager sends to all processes of a service: signals are the
/// server's affair. Lasts as long as what is returned.
pub(super) fn deaf() -> std::io::Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()] {
        drop(signal(kind)?);
    }
    drop(inside);
    Ok(runtime)
}
