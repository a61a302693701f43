//! The gateway process.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use tombolo_node::failpoint;

use crate::exit::{Exit, Failure};

/// Is the gateway of the node at the other end of standard input.
///
/// # Errors
/// When that is no node.
pub(crate) fn gateway() -> Result<Exit, Failure> {
    let node = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    failpoint("gateway-begun");
    tombolo_gateway::run(node)?;
    Ok(Exit::Program(0))
}
