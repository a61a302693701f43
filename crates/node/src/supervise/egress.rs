//! The broker's process: started when the first cell needs a network, told what each cell may do, started again when
//! it ends.
//!
//! The node keeps both the grants and the broker's end of each cell's socket, so that a new broker goes on where the
//! last one was.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use tombolo_egress::needs_network;
use tombolo_egress::wire::{CellGrants, FunctionGrants, GRANTS_BYTES_MAX};
use tombolo_sandbox::send_fds;
use tombolo_spec::{Grant, GrantSet, Name};

use super::children::{Running, channel, how, this_program};
use super::node::Node;
use crate::reconcile::CellId;
use crate::wire::{CellFunction, CellOrder, EGRESS_COMMAND};

/// A pause before a broker that ended is started again; asks wait in the kernel meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, for one that ends again and again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// One that has been there for so long starts with short pauses again.
const SERVED: Duration = Duration::from_secs(30);

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
    /// A [`CellGrants`], with its length before it.
    length: [u8; 4],
    grants: Vec<u8>,
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
            functions: functions
                .map(|function| FunctionGrants {
                    name: function.full_name(),
                    grants: function.grants.clone(),
                })
                .collect(),
        };
        let grants = serde_json::to_vec(&grants).map_err(io::Error::from)?;
        if grants.len() > GRANTS_BYTES_MAX {
            let problem = format!("its grants are longer than {GRANTS_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let length = u32::try_from(grants.len()).unwrap_or(u32::MAX).to_be_bytes();
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        self.cells.borrow_mut().insert(cell, Rc::new(Member { socket: ours, length, grants }));
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
    let mut pause = PAUSE;
    while !node.is_ending() {
        let started = tokio::time::Instant::now();
        let why = match start(&node) {
            Ok((running, socket)) => serve(&node, running, socket).await,
            Err(error) => format!("it cannot be started: {error}"),
        };
        node.egress.process.replace(None);
        if node.is_ending() {
            return;
        }
        node.say(&format!("the egress is gone: {why}; it is started again"));
        pause = if started.elapsed() > SERVED { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
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

/// Tells the broker of each cell, those to come too, until it ends; how it did.
async fn serve(node: &Node, running: Running, mut socket: UnixStream) -> String {
    let telling = async {
        let mut last = None;
        loop {
            while let Some((cell, member)) = node.egress.after(last) {
                tell(&mut socket, &member).await?;
                last = Some(cell);
            }
            node.egress.joined.notified().await;
        }
    };
    tokio::select! {
        // Without its socket to the node it ends.
        () = node.egress.ended.notified() => String::new(),
        status = running.ended => status.map_or_else(|_| "it is gone".to_owned(), how),
        told = telling => {
            let error: io::Result<()> = told;
            node.children.kill(running.pid);
            error.err().map_or_else(String::new, |error| error.to_string())
        }
    }
}

async fn tell(socket: &mut UnixStream, member: &Member) -> io::Result<()> {
    let sockets = [member.socket.as_fd()];
    socket.async_io(Interest::WRITABLE, || send_fds(&*socket, &member.length, &sockets)).await?;
    socket.write_all(&member.grants).await
}
