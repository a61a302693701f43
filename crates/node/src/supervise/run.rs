//! The life of a node, from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{SignalKind, signal};
use tombolo_gateway::wire::Order;
use tombolo_listen::{ListenAddress, ListenError, Listener};
use tombolo_sandbox::FDS_MAX;

use super::node::{Node, Options};
use super::notify::{keep_watchdog, notify};
use super::{certificates, egress, gateway};
use crate::api;
use crate::ceilings::{CeilingError, MachineCeiling};
use crate::certificates::{CertificateError, read as read_certificates};
use crate::db::{Db, DbError};
use crate::disk::Artifacts;
use crate::public::Public;
use crate::reconcile::{Event, State};
use crate::wire::{CellTold, HANDED_MAX};

/// How long all processes together may take to end.
const END_TIME: Duration = Duration::from_secs(20);

/// How often an address that is in use is tried again, and after what time.
const BIND_TRIES: u32 = 20;
const BIND_PAUSE: Duration = Duration::from_millis(50);

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder, a socket or a process.
    #[error("the node cannot start: {0}")]
    Io(#[from] io::Error),
    /// Its state.
    #[error("the node cannot start: {0}")]
    Db(#[from] DbError),
    /// The operator's ceiling.
    #[error("the node cannot start: {0}")]
    Ceiling(#[from] CeilingError),
    /// There is one already.
    #[error("another node uses {}; stop it, or say --state and --runtime", .0.display())]
    Running(PathBuf),
    /// A public address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// More public listeners than a cell can be handed.
    #[error("the node cannot start: {0} public listeners are more than {HANDED_MAX}")]
    Listeners(usize),
    /// Certificates that a public address needs.
    #[error("the node cannot start: {0}")]
    Certificates(#[from] CertificateError),
}

/// Runs a node until it is told to end. `ready` is called once the API answers, with the public addresses in use and
/// that of the page.
///
/// # Errors
/// [`StartError`]; once it has started, a node does not fail.
pub fn run(options: Options, ready: impl FnOnce(&[String], Option<SocketAddr>)) -> Result<(), StartError> {
    options.dirs.make()?;
    let _lock = lock(&options)?;
    // Each cell takes some, each connection to the API one.
    tombolo_sandbox::raise_open_files();
    let ceiling = MachineCeiling::read(&options.dirs.config)?;
    let (db, recovered) = Db::open(&options.dirs.state)?;
    let artifacts = Artifacts::open(options.dirs.state.join("artifacts"))?;
    let state = State::new(options.policy.clone(), db.apps()?);
    let certificates = read_certificates(&options.dirs.certificates(), &options.listen)?;
    let public = listen(&options)?;
    clear_sockets(&options)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let node = Node::new(options, db, artifacts, ceiling, public, certificates, state)?;
        recovered.iter().for_each(|recovered| node.say(&recovered.to_string()));
        node.groups.trouble().iter().for_each(|trouble| node.say(&format!("control groups are {trouble}")));
        let mut children = signal(SignalKind::child())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        let (api, page) = api::listen(&node)?;
        tokio::task::spawn_local({
            let node = Rc::clone(&node);
            async move {
                while children.recv().await.is_some() {
                    node.children.reap()
                }
            }
        });
        tokio::task::spawn_local(tick(Rc::clone(&node)));
        tokio::task::spawn_local(gateway::keep(Rc::clone(&node)));
        tokio::task::spawn_local(certificates::follow(Rc::clone(&node), hang_up));
        tokio::task::spawn_local(egress::keep(Rc::clone(&node)));
        let api = tokio::task::spawn_local(api);
        ready(&node.addresses, page);
        notify("READY=1");
        tokio::task::spawn_local(keep_watchdog());
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        notify("STOPPING=1");
        api.abort();
        end(&node).await;
        Ok(())
    })
}

/// Tells the node that time has passed, when something waits for it, and never otherwise.
async fn tick(node: Rc<Node>) {
    loop {
        let changed = node.timer.notified();
        match node.with_state(State::wake) {
            None => changed.await,
            Some(wake) => {
                let wait = wake.since(node.now());
                tokio::select! {
                    () = changed => {}
                    () = tokio::time::sleep(wait) => node.tell(Event::Tick),
                }
            }
        }
    }
}

/// First nobody new comes in, then what has begun is answered, then the cells end.
async fn end(node: &Rc<Node>) {
    node.begin_to_end();
    let done = async {
        if let Some(gateway) = &*node.gateway.borrow() {
            gateway.order(Order::Drain);
        }
        until(|| node.gateway.borrow().is_none()).await;
        let cells: Vec<_> = node.cells.borrow().values().cloned().collect();
        cells.iter().for_each(|cell| cell.tell(&CellTold::Drain));
        until(|| node.cells.borrow().is_empty()).await;
        node.egress.end();
        until(|| node.children.count() == 0).await;
    };
    if tokio::time::timeout(END_TIME, done).await.is_err() {
        let left = node.children.count();
        node.say(&format!("{left} of its processes did not end when they were told to; they are killed"));
    }
}

async fn until(is: impl Fn() -> bool) {
    while !is() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One node for each state folder: the lock is held until the process ends, however it ends.
fn lock(options: &Options) -> Result<OwnedFd, StartError> {
    let path = options.dirs.state.join("lock");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file.into()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::Running(options.dirs.state.clone())),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// One socket for each thread of the gateway, as far as one message carries them.
fn listen(options: &Options) -> Result<Vec<(Public, Listener)>, StartError> {
    let mut all = Vec::new();
    for public in &options.listen {
        let listeners = bind(&public.address, options.workers.min(FDS_MAX))?;
        all.extend(listeners.into_iter().map(|listener| (public.clone(), listener)));
    }
    if all.len() > HANDED_MAX {
        return Err(StartError::Listeners(all.len()));
    }
    Ok(all)
}

/// The gateway of a node that was killed dies with it, but not in the same moment, and holds the address until then.
fn bind(address: &ListenAddress, workers: usize) -> Result<Vec<Listener>, ListenError> {
    for _ in 0..BIND_TRIES {
        match Listener::bind(address, workers) {
            Err(ListenError::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                std::thread::sleep(BIND_PAUSE);
            }
            bound => return bound,
        }
    }
    Listener::bind(address, workers)
}

/// What the cells of a node that was killed have left.
fn clear_sockets(options: &Options) -> io::Result<()> {
    for entry in std::fs::read_dir(options.dirs.cells())? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}
