//! The gateway's process: started, fed with tables, started again when it ends.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tombolo_gateway::wire::{Order, Said};
use tombolo_listen::Passage;

use super::again::again_and_again;
use super::children::{Running, Writer, channel, how, this_program};
use super::node::Node;
use crate::reconcile::Event;
use crate::wire::GATEWAY_COMMAND;

/// The longest line that a gateway says.
const SAID_BYTES_MAX: u64 = 64 << 10;

/// Keeps a gateway running until the node ends, from when the one of the program before is to go.
pub(super) async fn keep(node: Rc<Node>) {
    if !node.before.is_our_turn() {
        // Nothing else tells the reconciler that it is time to begin.
        node.tell(Event::Tick);
        node.until(|| node.before.is_our_turn() || node.is_ending()).await;
    }
    let life = async || {
        let (running, socket) = start(&node)?;
        let why = serve(&node, running, socket).await;
        node.gateway.replace(None);
        Ok(why)
    };
    again_and_again(&node, "the gateway", life).await;
}

/// A gateway that runs, as the rest of the node sees it.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) pid: u32,
    pub(super) layers: RefCell<serde_json::Value>,
    /// Its socket to the node, for the program after this one.
    pub(super) channel: OwnedFd,
    /// The cells whose passages it was given.
    reached: RefCell<BTreeSet<u64>>,
    orders: mpsc::UnboundedSender<(Order, Vec<OwnedFd>)>,
}

impl Gateway {
    /// Orders something of it. One that is gone is started again and told everything anew.
    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send((order, Vec::new()));
    }

    /// Gives it the passage to a cell, once.
    pub(super) fn reach(&self, cell: u64, passage: &Passage) {
        if self.reached.borrow().contains(&cell) {
            return;
        }
        // Without descriptors the cell is out of reach, and tried again with the next table.
        if let Ok(passage) = passage.as_fd().try_clone_to_owned() {
            self.reached.borrow_mut().insert(cell);
            let _ = self.orders.send((Order::Cell { cell }, vec![passage]));
        }
    }

    /// The cell is gone; its number is not used again.
    pub(super) fn forget(&self, cell: u64) {
        self.reached.borrow_mut().remove(&cell);
    }
}

fn start(node: &Node) -> io::Result<(Running, UnixStream)> {
    let (ours, theirs) = channel()?;
    let mut command = this_program(GATEWAY_COMMAND);
    command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::inherit());
    let (running, _) = node.children.start(command)?;
    ours.set_nonblocking(true)?;
    Ok((running, UnixStream::from_std(ours)?))
}

async fn serve(node: &Rc<Node>, running: Running, socket: UnixStream) -> String {
    let (orders, waiting) = mpsc::unbounded_channel();
    if let Err(error) = begin(node, &orders) {
        return format!("it cannot be given its sockets: {error}");
    }
    let channel = match socket.as_fd().try_clone_to_owned() {
        Ok(channel) => channel,
        Err(error) => return format!("its socket cannot be kept: {error}"),
    };
    let (pid, ended) = (running.pid, running.ended);
    let (layers, reached) = (RefCell::default(), RefCell::default());
    node.gateway.replace(Some(Gateway { pid, layers, channel, reached, orders }));
    let (said, socket) = socket.into_split();
    let writer = tokio::task::spawn_local(write(waiting, Writer::new(socket)));
    node.tell(Event::GatewayStarted);
    let mut said = BufReader::new(said);
    let mut line = Vec::new();
    while (&mut said).take(SAID_BYTES_MAX).read_until(b'\n', &mut line).await.is_ok_and(|bytes| bytes > 0) {
        match serde_json::from_slice(&line) {
            Ok(Said::Ready { layers }) => {
                node.gateway.borrow().as_ref().map(|gateway| gateway.layers.replace(layers));
                // The last that a node waits for when it starts.
                tombolo_sandbox::forget_startup_code();
            }
            Ok(Said::Routed { version }) => node.tell(Event::Routed { version }),
            // One that was taken over may say anything; it gains nothing by it.
            Err(_) => {}
        }
        line.clear();
    }
    writer.abort();
    ended.await.map_or_else(|_| "it is gone".to_owned(), how)
}

/// The public listeners and how to serve on them.
fn begin(node: &Node, orders: &mpsc::UnboundedSender<(Order, Vec<OwnedFd>)>) -> io::Result<()> {
    for (public, listener) in &node.public {
        let sockets = listener.descriptors();
        let sockets = sockets.iter().map(BorrowedFd::try_clone_to_owned).collect::<io::Result<Vec<_>>>()?;
        // The receiver is still here.
        let order = Order::Listen {
            sockets: sockets.len(),
            is_tls: public.is_tls,
            owner: public.tenant.as_ref().map(ToString::to_string),
        };
        let _ = orders.send((order, sockets));
    }
    for (owner, pems) in &*node.certificates.borrow() {
        let (owner, pems) = (owner.as_ref().map(ToString::to_string), pems.clone());
        let _ = orders.send((Order::Certificates { owner, pems }, Vec::new()));
    }
    let _ = orders.send((Order::Calls, vec![node.calls.gateway()?]));
    let _ = orders.send((Order::Begin { workers: node.options.workers }, Vec::new()));
    Ok(())
}

/// Orders leave one after the other; a gateway that does not read is one that is gone.
async fn write(mut waiting: mpsc::UnboundedReceiver<(Order, Vec<OwnedFd>)>, mut socket: Writer) {
    while let Some((order, descriptors)) = waiting.recv().await {
        let Ok(mut line) = serde_json::to_vec(&order) else { continue };
        line.push(b'\n');
        if socket.write(&line, &descriptors).await.is_err() {
            return;
        }
    }
}
