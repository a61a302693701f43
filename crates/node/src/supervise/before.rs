//! The processes of the program before this one: they serve until this program does, and answer what they have begun.
//!
//! ```text
//! their gateway accepts ─▶ every app has a cell here ─▶ our gateway accepts ─▶ theirs ends ─▶ their cells end ─▶ their broker
//! ```
//!
//! They speak the words of another version, perhaps. So nothing is said to them: each ends in good order once its socket
//! to the node is closed.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::unix::pipe;

use super::children::Running;
use super::estate::{CellRelative, Estate, Relative};
use super::log;
use super::node::Node;
use crate::reconcile::State;

/// How long the gateway before goes on serving while there is not a cell for every app: code may have to be compiled anew.
const PREPARE_TIME: Duration = Duration::from_secs(1800);
/// How long our gateway may take to serve. The sockets are open meanwhile.
const BEGIN_TIME: Duration = Duration::from_secs(10);
/// How long the gateway before may take to answer what it has begun; its own bound is lower.
const GATEWAY_TIME: Duration = Duration::from_secs(15);
/// After what time one that was killed is not waited for any more.
const KILLED_TIME: Duration = Duration::from_secs(5);

/// What is known of them.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// How often the program of this process was replaced.
    pub(crate) upgrades: u64,
    /// Why the last one did not come to be.
    pub(crate) failed: RefCell<Option<String>>,
    /// Whether the public sockets are still accepted from there, and not here.
    accepts: Cell<bool>,
    /// Those that have not ended.
    left: Cell<usize>,
}

impl Before {
    pub(super) fn new(estate: Option<&Estate>) -> Before {
        let Some(Estate { left, .. }) = estate else { return Before::default() };
        let count = left.cells.len() + left.gateway.iter().chain(&left.egress).count();
        Before {
            upgrades: left.upgrades,
            failed: RefCell::new(left.failed.clone()),
            accepts: Cell::new(left.gateway.is_some()),
            left: Cell::new(count),
        }
    }

    /// Whether the public sockets are this program's to accept from.
    pub(super) fn is_our_turn(&self) -> bool {
        !self.accepts.get()
    }

    /// How many of them still answer what they have begun.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }
}

/// One of them.
struct Process {
    running: Running,
    channel: OwnedFd,
}

/// All of them, as they were found.
pub(super) struct Relatives {
    gateway: Option<Process>,
    cells: Vec<Process>,
    egress: Option<Process>,
}

impl Relatives {
    /// Takes them over as children of this program.
    pub(super) fn adopt(node: &Rc<Node>, mut estate: Estate) -> io::Result<Relatives> {
        let (gateway, egress) = (estate.left.gateway, estate.left.egress);
        let process = |estate: &mut Estate, Relative { pid, channel }| {
            Ok::<_, io::Error>(Process { running: node.children.adopt(pid), channel: estate.take(channel)? })
        };
        let gateway = gateway.map(|gateway| process(&mut estate, gateway)).transpose()?;
        let egress = egress.map(|egress| process(&mut estate, egress)).transpose()?;
        let mut cells = Vec::new();
        for CellRelative { cell, tenant, process: relative, log } in std::mem::take(&mut estate.left.cells) {
            cells.push(process(&mut estate, relative)?);
            let lines = pipe::Receiver::from_owned_fd(estate.take(log)?)?;
            let node = Rc::clone(node);
            tokio::task::spawn_local(async move {
                log::read(&node, &tenant, lines, |_| {}).await;
                node.logs
                    .borrow_mut()
                    .add(&tenant, &format!("cell {cell}: it has left with the program before"));
            });
        }
        for pid in &estate.left.others {
            // What it was to find out is asked again.
            let Running { pid, .. } = node.children.adopt(*pid);
            node.children.kill(pid);
        }
        Ok(Relatives { gateway, cells, egress })
    }

    /// Lets them go, one kind after the other, each when nobody needs it any more.
    pub(super) async fn see_off(self, node: Rc<Node>) {
        let Relatives { gateway, cells, egress } = self;
        if let Some(Process { mut running, channel }) = gateway {
            let prepared = node.until(|| node.is_ending() || node.with_state(State::is_prepared));
            unless_over(&mut running, PREPARE_TIME, prepared).await;
            node.before.accepts.set(false);
            node.look_again();
            let routed = node.until(|| node.is_ending() || node.with_state(State::is_routed));
            unless_over(&mut running, BEGIN_TIME, routed).await;
            drop(channel);
            end(&node, running, GATEWAY_TIME).await;
        }
        let drain = node.options.policy.drain;
        join_all(cells.into_iter().map(|Process { running, channel }| {
            drop(channel);
            end(&node, running, drain)
        }))
        .await;
        if let Some(Process { running, channel }) = egress {
            drop(channel);
            end(&node, running, KILLED_TIME).await;
        }
    }
}

/// Waits for `what`, but no longer than the process is there, and no longer than `time`.
async fn unless_over(running: &mut Running, time: Duration, what: impl Future<Output = ()>) {
    if running.ended.is_terminated() {
        return;
    }
    tokio::select! {
        _ = &mut running.ended => {}
        _ = tokio::time::timeout(time, what) => {}
    }
}

/// Waits for the end of a process, and brings it about when its time is over.
async fn end(node: &Node, mut running: Running, time: Duration) {
    if !running.ended.is_terminated() && tokio::time::timeout(time, &mut running.ended).await.is_err() {
        node.children.kill(running.pid);
        let _ = tokio::time::timeout(KILLED_TIME, &mut running.ended).await;
    }
    node.before.left.set(node.before.left.get().saturating_sub(1));
    node.look_again();
}
