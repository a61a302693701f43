//! The process that makes connections for cells.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use crate::exit::{Exit, Failure};

/// Is the broker of the node at the other end of standard input.
///
/// # Errors
/// When that is no node, or the process can't be locked down.
pub(crate) fn egress() -> Result<Exit, Failure> {
    let node = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    tombolo_egress::broker::run(node)?;
    Ok(Exit::Program(0))
}
