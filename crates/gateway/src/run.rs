//! The gateway process: takes its sockets, locks itself down, starts its workers, does what the node orders.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;
use tombolo_listen::{Listener, Outbox, Passage, Tls, TlsError};
use tombolo_sandbox::{Policy, SandboxError, forget_startup_code, lock_down, take_short_turns};

use crate::accept::{Public, Worker};
use crate::orders::Node;
use crate::passages::Passages;
use crate::pool::Pool;
use crate::table::{Current, Table};
use crate::wire::{self, Order, Said};

/// Why a gateway can't go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The node is gone, or something else failed on the way to it.
    #[error("gateway: talking to the node: {0}")]
    Node(#[from] io::Error),
    /// The certificates that the node gave.
    #[error("gateway: {0}")]
    Tls(#[from] TlsError),
    /// The kernel has walls that it did not put up.
    #[error("gateway: {0}")]
    Sandbox(#[from] SandboxError),
    /// The node said something else than expected.
    #[error("gateway: unexpected words from the node: {0}")]
    Words(String),
}

/// Serves until the node says drain, or is gone. `node` is the socket to it. Call it before there are other threads.
///
/// # Errors
/// [`GatewayError`]; whoever started it starts another one.
pub fn run(node: UnixStream) -> Result<(), GatewayError> {
    take_short_turns();
    let mut node = Node::new(node);
    let Beginning { public, calls, tls, workers } = Beginning::hear(&mut node)?;

    // From here on it holds its sockets and those that it is given, and can open nothing.
    let layers = lock_down(&Policy { given_sockets: true, passes_descriptors: true, ..Policy::default() })?;
    let (stop, drain) = watch::channel(false);
    let handed = watch::Sender::new(vec![false; public.len()]);
    let gateway = Gateway { passages: Passages::default(), table: Current::default(), handed, tls, drain };
    node.say(&Said::Ready { layers: serde_json::to_value(&layers).unwrap_or_default() })?;
    // Without a table nobody could be answered: those who come before it wait in the kernel's queue.
    if gateway.follow(&mut node, |order| matches!(order, Order::Table(_)))? == Followed::ToTheEnd {
        return Ok(());
    }
    let threads = (0..workers.max(1))
        .map(|index| gateway.start_worker(index, public.clone(), calls.try_clone()?))
        .collect::<io::Result<Vec<_>>>()?;
    drop((public, calls));
    forget_startup_code();
    gateway.follow(&mut node, |_| false)?;
    let _ = stop.send(true);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a worker panicked"))??;
    }
    Ok(())
}

/// What a gateway is told before it serves.
struct Beginning {
    public: Vec<Public>,
    /// Where calls from app to app come in.
    calls: OwnedFd,
    tls: BTreeMap<Option<String>, Tls>,
    workers: usize,
}

impl Beginning {
    fn hear(node: &mut Node) -> Result<Beginning, GatewayError> {
        let (mut doors, mut calls, mut tls) = (Vec::new(), None, BTreeMap::new());
        let workers = loop {
            match node.next()? {
                Some((Order::Listen { is_tls, owner, .. }, sockets)) => {
                    doors.push((Arc::new(Listener::given(sockets)?), is_tls, owner));
                }
                Some((Order::Certificates { owner, pems }, _)) => drop(tls.insert(owner, Tls::load(&pems)?)),
                Some((Order::Calls, sockets)) => calls = sockets.into_iter().next(),
                Some((Order::Begin { workers }, _)) => break workers,
                _ => return Err(GatewayError::Words("no beginning".into())),
            }
        };
        let public = doors.into_iter().map(|(listener, is_tls, owner)| match (is_tls, tls.get(&owner)) {
            (true, None) => Err(GatewayError::Words("TLS without certificates".into())),
            (true, Some(tls)) => Ok(Public { listener, tls: Some(tls.clone()), owner }),
            (false, _) => Ok(Public { listener, tls: None, owner }),
        });
        let calls = calls.ok_or_else(|| GatewayError::Words("no socket for calls".into()))?;
        Ok(Beginning { public: public.collect::<Result<_, _>>()?, calls, tls, workers })
    }
}

/// How far orders were followed.
#[derive(Debug, PartialEq, Eq)]
enum Followed {
    ToTheLast,
    ToTheEnd,
}

/// What the threads of a gateway share.
struct Gateway {
    passages: Passages,
    table: Current,
    /// Which of the listeners somebody else accepts from.
    handed: watch::Sender<Vec<bool>>,
    tls: BTreeMap<Option<String>, Tls>,
    drain: watch::Receiver<bool>,
}

impl Gateway {
    fn start_worker(
        &self,
        index: usize,
        public: Vec<Public>,
        calls: OwnedFd,
    ) -> io::Result<JoinHandle<io::Result<()>>> {
        let (passages, table, drain) = (self.passages.clone(), self.table.clone(), self.drain.clone());
        let handed = self.handed.subscribe();
        std::thread::Builder::new().name("worker".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let outbox = Rc::<Outbox>::default();
            let pool = Pool::new(passages, Rc::clone(&outbox));
            let worker = Worker { table, pool, outbox, handed, drain };
            tokio::task::LocalSet::new().block_on(&runtime, worker.serve(index, public, calls))
        })
    }

    /// Does what the node orders, up to the first order that is `last` or until it is time to end.
    fn follow(&self, node: &mut Node, last: impl Fn(&Order) -> bool) -> Result<Followed, GatewayError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        while let Some((order, descriptors)) = node.next()? {
            let is_last = last(&order);
            match order {
                Order::Cell { cell } => {
                    let passage = descriptors.into_iter().next().map(Passage::given);
                    passage.into_iter().for_each(|passage| self.passages.add(cell, passage));
                }
                Order::Table(table) => {
                    runtime.block_on(self.replace(&table));
                    node.say(&Said::Routed { version: table.version })?;
                }
                Order::Certificates { owner, pems } => {
                    self.tls.get(&owner).map_or(Ok(()), |tls| tls.reload(&pems))?;
                }
                Order::Drain => return Ok(Followed::ToTheEnd),
                Order::Listen { .. } | Order::Calls | Order::Begin { .. } => {
                    return Err(GatewayError::Words("a second beginning".into()));
                }
            }
            if is_last {
                return Ok(Followed::ToTheLast);
            }
        }
        Ok(Followed::ToTheEnd)
    }

    async fn replace(&self, table: &wire::Table) {
        self.table.replace(Table::new(table)).await;
        self.handed.send_replace(table.handed.clone());
        self.passages.keep(|cell| table.cells.iter().any(|kept| kept.cell == cell));
    }
}
