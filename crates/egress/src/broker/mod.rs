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
mod fresh;
mod told;

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::task::{LocalSet, spawn_local};
use tombolo_sandbox::{Network, Policy, SandboxError, lock_down, recv_fds};

use crate::direct::Direct;
use crate::files::NameFiles;
use crate::names::NameConfig;
use crate::wire::{ORDER_BYTES_MAX, Order, decode};
use calls::Calls;
use cell::Cell;
use fresh::Fresh;

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
    // Nothing is known of names yet: the node says it with the first that is looked up.
    let direct = Rc::new(Direct::new(&NameConfig::empty())?);
    lock_down(&Policy {
        network: Network::Tcp { connect: Vec::new(), bind: Vec::new(), any: true },
        udp: true,
        given_sockets: true,
        ..Policy::default()
    })?;
    node.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (mut orders, asks) = UnixStream::from_std(node)?.into_split();
        let fresh = Rc::new(Fresh::new(asks, Rc::clone(&direct)));
        let Some(calls) = calls(&mut orders).await? else { return Ok(()) };
        let ways = Ways { direct, fresh, calls: Rc::new(calls) };
        while let Some((order, sockets)) = next(&mut orders).await? {
            let mut sockets = sockets.into_iter();
            match order {
                Order::Cell(grants) => {
                    let socket = sockets.next().ok_or_else(|| wrong("no socket of a cell"))?;
                    spawn_local(Cell::new(socket, &grants, ways.clone())?.serve());
                }
                Order::Names { resolv_conf, hosts } => {
                    let mut file = |is_there: bool| is_there.then(|| sockets.next()).flatten();
                    ways.fresh.take(Some(NameFiles::given(file(resolv_conf), file(hosts))));
                }
                Order::SameNames => ways.fresh.take(None),
                Order::Calls => return Err(wrong("a second way to the gateway").into()),
            }
        }
        Ok(())
    })
}

/// What the answers of all cells share.
#[derive(Clone)]
struct Ways {
    direct: Rc<Direct>,
    fresh: Rc<Fresh>,
    calls: Rc<Calls>,
}

/// The way to the gateway; `None` when the node is gone.
async fn calls(node: &mut OwnedReadHalf) -> io::Result<Option<Calls>> {
    let Some((order, sockets)) = next(node).await? else { return Ok(None) };
    match (order, sockets.into_iter().next()) {
        (Order::Calls, Some(socket)) => Calls::new(socket).map(Some),
        _ => Err(wrong("no way to the gateway")),
    }
}

/// The next order, with its descriptors; `None` when the node is gone.
async fn next(node: &mut OwnedReadHalf) -> io::Result<Option<(Order, Vec<OwnedFd>)>> {
    let mut length = [0; 4];
    let socket: &UnixStream = node.as_ref();
    let (read, descriptors) = socket.async_io(Interest::READABLE, || recv_fds(socket, &mut length)).await?;
    if read == 0 {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    let (4, 1..=ORDER_BYTES_MAX) = (read, length) else { return Err(wrong("no length of an order")) };
    let mut text = vec![0; length];
    node.read_exact(&mut text).await?;
    let order = decode(&text).ok_or_else(|| wrong("no order"))?;
    Ok(Some((order, descriptors)))
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Tells the operator.
fn say(text: &str) {
    // Nobody may be reading.
    let _ = writeln!(io::stderr(), "tombolo: egress: {text}");
}
