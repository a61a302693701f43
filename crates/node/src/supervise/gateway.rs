//! The gateway's process: started, fed with tables, started again when it ends.

use std::io;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tombolo_gateway::wire::{Order, PublicDoor, Said};
use tombolo_sandbox::send_fds;

use super::children::{Running, channel, how, this_program};
use super::node::Node;
use crate::reconcile::Event;
use crate::wire::GATEWAY_COMMAND;

/// A pause before a gateway that ended is started again; the kernel keeps clients waiting meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, for one that ends again and again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// One that has served for so long starts with short pauses again.
const SERVED: Duration = Duration::from_secs(30);

/// Keeps a gateway running until the node ends.
pub(super) async fn keep(node: Rc<Node>) {
    let mut pause = PAUSE;
    while !node.is_ending() {
        let started = tokio::time::Instant::now();
        let why = match start(&node) {
            Ok((running, orders, said)) => serve(&node, running, orders, said).await,
            Err(error) => format!("it cannot be started: {error}"),
        };
        node.gateway.replace(None);
        if node.is_ending() {
            return;
        }
        node.say(&format!("the gateway is gone: {why}; it is started again"));
        pause = if started.elapsed() > SERVED { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
}

/// A gateway that runs, as the rest of the node sees it.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) pid: u32,
    pub(super) orders: mpsc::UnboundedSender<Order>,
}

fn start(
    node: &Node,
) -> io::Result<(Running, tokio::net::unix::OwnedWriteHalf, tokio::net::unix::OwnedReadHalf)> {
    let (ours, theirs) = channel()?;
    let mut command = this_program(GATEWAY_COMMAND);
    command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::inherit());
    let (running, _) = node.children.start(command)?;
    for ((_, listener), left) in node.public.iter().zip((1..=node.public.len()).rev()) {
        send_fds(&ours, &[u8::try_from(left).unwrap_or(u8::MAX)], &listener.descriptors())?;
    }
    ours.set_nonblocking(true)?;
    let (said, orders) = tokio::net::UnixStream::from_std(ours)?.into_split();
    Ok((running, orders, said))
}

async fn serve(
    node: &Rc<Node>,
    running: Running,
    orders: tokio::net::unix::OwnedWriteHalf,
    said: tokio::net::unix::OwnedReadHalf,
) -> String {
    let (sender, waiting) = mpsc::unbounded_channel();
    let begin = Order::Begin {
        cells: node.options.dirs.cells(),
        workers: node.options.workers,
        doors: node.public.iter().map(|(public, _)| PublicDoor { is_tls: public.is_tls }).collect(),
        certificates: node.certificates.borrow().clone(),
    };
    // The receiver is still here.
    let _ = sender.send(begin);
    node.gateway.replace(Some(Gateway { pid: running.pid, orders: sender }));
    let writer = tokio::task::spawn_local(write(waiting, orders));
    node.tell(Event::GatewayStarted);
    let mut lines = BufReader::new(said).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Said::Routed { version }) = serde_json::from_str(&line) {
            node.tell(Event::Routed { version });
        }
    }
    writer.abort();
    running.ended.await.map_or_else(|_| "it is gone".to_owned(), how)
}

/// Orders leave one after the other; a gateway that does not read is one that is gone.
async fn write(mut waiting: mpsc::UnboundedReceiver<Order>, mut orders: tokio::net::unix::OwnedWriteHalf) {
    while let Some(order) = waiting.recv().await {
        let Ok(mut line) = serde_json::to_vec(&order) else { continue };
        line.push(b'\n');
        if orders.write_all(&line).await.is_err() {
            return;
        }
    }
}
