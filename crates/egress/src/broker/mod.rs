//! The broker: a process of the node's that makes connections for cells, which can make none.
//!
//! ```text
//! packet → what this cell's functions may → name → addresses → check → connect → the socket, handed over
//! ```
//!
//! It believes nothing that a cell says. What a function may do comes from the node; which name led to an address is
//! what the broker itself answered. A cell that was taken over gets what its tenant's grants give, and no more: method
//! and path of a request are the cell's to keep, host and port are kept here. A connection to another app of the node
//! leads over the gateway, which keeps method and path too.

mod asked;
mod calls;
mod cell;
mod told;

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::task::{LocalSet, spawn_local};
use tombolo_sandbox::{Network, Policy, SandboxError, lock_down, recv_fds};

use crate::direct::Direct;
use crate::names::NameConfig;
use crate::wire::{CellGrants, GRANTS_BYTES_MAX, decode};
use calls::Calls;
use cell::Cell;

/// Why a broker can't go on.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The node is gone, or something else failed on the way to it.
    #[error("egress: talking to the node: {0}")]
    Node(#[from] io::Error),
    /// The kernel's walls could not be put up.
    #[error("egress: {0}")]
    Sandbox(#[from] SandboxError),
}

/// Makes connections until the node is gone. `node` is the socket to it.
///
/// # Errors
/// [`BrokerError`]; whoever started it starts another one.
pub fn run(node: std::os::unix::net::UnixStream) -> Result<(), BrokerError> {
    let direct = Rc::new(direct()?);
    lock_down(&Policy {
        network: Network::Tcp { connect: Vec::new(), bind: Vec::new(), any: true },
        udp: true,
        given_sockets: true,
        ..Policy::default()
    })?;
    node.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let mut node = UnixStream::from_std(node)?;
        let Some(calls) = gateway(&node).await?.map(Rc::new) else { return Ok(()) };
        while let Some(cell) = next(&mut node, &direct, &calls).await? {
            spawn_local(cell.serve());
        }
        Ok(())
    })
}

/// This machine's name servers and hosts. A hosts file that nobody can read is told, and left out.
fn direct() -> io::Result<Direct> {
    let config = NameConfig::system();
    Direct::new(&config).or_else(|error| {
        say(&format!("/etc/hosts is left out: {error}"));
        Direct::new(&NameConfig { hosts: String::new(), ..config })
    })
}

/// The way to the gateway; `None` when the node is gone.
async fn gateway(node: &UnixStream) -> io::Result<Option<Calls>> {
    let Some((length, socket)) = socket(node).await? else { return Ok(None) };
    if length != 0 {
        return Err(wrong("no way to the gateway"));
    }
    Calls::new(socket).map(Some)
}

/// The next cell; `None` when the node is gone.
async fn next(node: &mut UnixStream, direct: &Rc<Direct>, calls: &Rc<Calls>) -> io::Result<Option<Cell>> {
    let Some((length, socket)) = socket(node).await? else { return Ok(None) };
    if !(1..=GRANTS_BYTES_MAX).contains(&length) {
        return Err(wrong("no length of a cell's grants"));
    }
    let mut text = vec![0; length];
    node.read_exact(&mut text).await?;
    let grants: CellGrants = decode(&text).ok_or_else(|| wrong("no grants of a cell"))?;
    Cell::new(socket, &grants, Rc::clone(direct), Rc::clone(calls)).map(Some)
}

/// A length, and the socket that comes with it; `None` when the node is gone.
async fn socket(node: &UnixStream) -> io::Result<Option<(usize, OwnedFd)>> {
    let mut length = [0; 4];
    let (read, sockets) = node.async_io(Interest::READABLE, || recv_fds(node, &mut length)).await?;
    match (read, sockets.into_iter().next()) {
        (0, _) => Ok(None),
        (4, Some(socket)) => Ok(Some((u32::from_be_bytes(length) as usize, socket))),
        _ => Err(wrong("no length, or no socket")),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Tells the operator.
fn say(text: &str) {
    // Nobody may be reading.
    let _ = writeln!(io::stderr(), "tombolo: egress: {text}");
}
