//! Telling systemd how the node is (sd_notify(3)).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tombolo_sandbox::send_fds;

/// Says in time that the node is alive, if systemd wants to know (`WatchdogSec=`). Runs among the node's other tasks: a
/// node that does nothing any more does not say this either.
pub(super) async fn keep_watchdog() {
    let period = std::env::var("WATCHDOG_USEC").ok().and_then(|period| period.parse().ok());
    let Some(period) = period.map(Duration::from_micros) else { return };
    loop {
        notify("WATCHDOG=1");
        tokio::time::sleep(period / 2).await;
    }
}

/// Sends a state such as `READY=1` to whoever started this process and wants to know. Nobody has to.
pub(super) fn notify(state: &str) {
    notify_with(state, &[]);
}

/// As [`notify`], with descriptors.
pub(super) fn notify_with(state: &str, with: &[&OwnedFd]) {
    let with: Vec<_> = with.iter().map(|fd| fd.as_fd()).collect();
    // A service manager that does not listen has no use for it.
    let _ = manager().and_then(|manager| match manager {
        Some(manager) => send_fds(manager, state.as_bytes(), &with),
        None => Ok(()),
    });
}

fn manager() -> io::Result<Option<UnixDatagram>> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(None) };
    let address = match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name),
        None => SocketAddr::from_pathname(&name),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address?)?;
    Ok(Some(socket))
}
