//! The broker's process: started when the first cell needs a network, told what each cell may do, started again when
//! it ends.
//!
//! The node keeps both the grants and the broker's end of each cell's socket, so that a new broker goes on where the
//! last one was.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::rc::Rc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tombolo_egress::needs_network;
use tombolo_egress::wire::{CellGrants, FunctionGrants, ORDER_BYTES_MAX, Order};
use tombolo_egress::{NameFiles, Stamp};
use tombolo_sandbox::send_fds;
use tombolo_spec::{Grant, GrantSet, Name};

use super::again::again_and_again;
use super::children::{Running, channel, how, this_program};
use super::node::Node;
use crate::reconcile::CellId;
use crate::wire::{CellFunction, CellOrder, EGRESS_COMMAND};

/// The cells that have a way out, and the process that makes it.
#[derive(Debug, Default)]
pub(super) struct Egress {
    cells: RefCell<BTreeMap<CellId, Rc<Member>>>,
    joined: Notify,
    ended: Notify,
    process: RefCell<Option<(u32, Rc<OwnedFd>)>>,
}

/// A cell, as the broker is to know it.
#[derive(Debug)]
struct Member {
    /// The broker's end.
    socket: OwnedFd,
    order: Packed,
}

/// An order as it is sent, with its length before it.
#[derive(Debug)]
struct Packed {
    length: [u8; 4],
    order: Vec<u8>,
}

impl Packed {
    fn new(order: &Order) -> io::Result<Packed> {
        let order = serde_json::to_vec(order).map_err(io::Error::from)?;
        if order.len() > ORDER_BYTES_MAX {
            let problem = format!("its grants are longer than {ORDER_BYTES_MAX} bytes");
            return Err(io::Error::new(ErrorKind::InvalidInput, problem));
        }
        let length = u32::try_from(order.len()).unwrap_or(u32::MAX).to_be_bytes();
        Ok(Packed { length, order })
    }
}

impl Egress {
    /// The cell's end of a socket to the broker, if a grant of it needs one.
    pub(super) fn join(&self, cell: CellId, tenant: &Name, order: &CellOrder) -> io::Result<Option<OwnedFd>> {
        if !order.functions.iter().any(|function| needs_network(&grants(function))) {
            return Ok(None);
        }
        let functions = order.functions.iter();
        let grants = CellGrants {
            cell: format!("cell {cell} of tenant {tenant}"),
            tenant: tenant.to_string(),
            functions: functions
                .map(|function| FunctionGrants {
                    name: function.full_name(),
                    grants: function.grants.clone(),
                })
                .collect(),
        };
        let order = Packed::new(&Order::Cell(grants))?;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        self.cells.borrow_mut().insert(cell, Rc::new(Member { socket: ours, order }));
        self.joined.notify_one();
        Ok(Some(theirs))
    }

    /// The cell is gone.
    pub(super) fn leave(&self, cell: CellId) {
        self.cells.borrow_mut().remove(&cell);
    }

    /// No cell needs it any more: the node ends.
    pub(super) fn end(&self) {
        self.ended.notify_one();
    }

    /// The broker's process, if it runs, with its socket to the node for the program after this one.
    pub(super) fn process(&self) -> Option<(u32, Rc<OwnedFd>)> {
        self.process.borrow().clone()
    }

    /// The first cell after this one.
    fn after(&self, cell: Option<CellId>) -> Option<(CellId, Rc<Member>)> {
        let cells = self.cells.borrow();
        let mut later = cells.range(cell.map_or(CellId(0), |CellId(id)| CellId(id + 1))..);
        later.next().map(|(id, member)| (*id, Rc::clone(member)))
    }
}

fn grants(function: &CellFunction) -> GrantSet {
    function.grants.iter().filter_map(|line| line.parse::<Grant>().ok()).collect()
}

/// Keeps a broker running from the first cell that needs one until the node ends.
pub(super) async fn keep(node: Rc<Node>) {
    while node.egress.cells.borrow().is_empty() {
        node.egress.joined.notified().await;
    }
    let life = async || {
        let (running, socket) = start(&node)?;
        let why = serve(&node, running, socket).await;
        node.egress.process.replace(None);
        Ok(why)
    };
    again_and_again(&node, "the egress", life).await;
}

fn start(node: &Node) -> io::Result<(Running, UnixStream)> {
    let (ours, theirs) = channel()?;
    let mut command = this_program(EGRESS_COMMAND);
    command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::inherit());
    let (running, _) = node.children.start(command)?;
    node.egress.process.replace(Some((running.pid, Rc::new(ours.try_clone()?.into()))));
    ours.set_nonblocking(true)?;
    Ok((running, UnixStream::from_std(ours)?))
}

/// Tells the broker of each cell, those to come too, and how names are resolved, until it ends; how it did.
async fn serve(node: &Node, mut running: Running, mut socket: UnixStream) -> String {
    let telling = async {
        let (mut last, mut names) = (None, None);
        tell(&mut socket, &Packed::new(&Order::Calls)?, &[node.calls.broker()?.as_fd()]).await?;
        loop {
            while let Some((cell, member)) = node.egress.after(last) {
                tell(&mut socket, &member.order, &[member.socket.as_fd()]).await?;
                last = Some(cell);
            }
            tokio::select! {
                () = node.egress.joined.notified() => {}
                wanted = socket.read_u8() => {
                    wanted?;
                    tell_names(&mut socket, &mut names).await?;
                }
            }
        }
    };
    tokio::select! {
        // Without its socket to the node it ends.
        () = node.egress.ended.notified() => String::new(),
        status = &mut running.ended => status.map_or_else(|_| "it is gone".to_owned(), how),
        told = telling => {
            let told: io::Result<()> = told;
            node.children.kill(running.pid);
            match told.err().filter(|error| error.kind() != ErrorKind::UnexpectedEof) {
                Some(error) => error.to_string(),
                // Its end of the socket closes a moment before it has ended.
                None => running.ended.await.map_or_else(|_| "it is gone".to_owned(), how),
            }
        }
    }
}

/// Hands over the files that say how names are resolved, where they are others than those that it `has`.
async fn tell_names(socket: &mut UnixStream, has: &mut Option<Stamp>) -> io::Result<()> {
    let files = NameFiles::open();
    let stamp = Some(files.stamp());
    if *has == stamp {
        return tell(socket, &Packed::new(&Order::SameNames)?, &[]).await;
    }
    let [resolv_conf, hosts] = files.descriptors();
    let order = Order::Names { resolv_conf: resolv_conf.is_some(), hosts: hosts.is_some() };
    let descriptors: Vec<_> = [resolv_conf, hosts].into_iter().flatten().collect();
    tell(socket, &Packed::new(&order)?, &descriptors).await?;
    *has = stamp;
    Ok(())
}

async fn tell(socket: &mut UnixStream, packed: &Packed, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    socket.async_io(Interest::WRITABLE, || send_fds(&*socket, &packed.length, descriptors)).await?;
    socket.write_all(&packed.order).await
}
