//! The life of a node, from its start to its end.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tombolo_gateway::wire::Order;
use tombolo_listen::{Inherited, ListenError};

use super::before::{Before, Relatives};
use super::estate::Estate;
use super::node::{Node, Options, Parts};
use super::notify::{keep_watchdog, notify};
use super::sockets::{self, Named, Opened};
use super::{certificates, egress, gateway, upgrade};
use crate::api::{self, Doors};
use crate::ceilings::{CeilingError, MachineCeiling};
use crate::certificates::{CertificateError, read as read_certificates};
use crate::db::{Db, DbError, Recovered};
use crate::disk::Artifacts;
use crate::failpoint;
use crate::reconcile::{Event, State};
use crate::wire::{CellTold, HANDED_MAX};

/// How long all processes together may take to end.
const END_TIME: Duration = Duration::from_secs(20);

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

/// How a node left.
#[derive(Debug)]
pub enum Ended {
    /// It was told to end, and all its processes have.
    Told,
    /// Another program is to take its place.
    Succeeded(Box<Successor>),
}

/// A program that is to take the place of this one, and what it finds.
#[derive(Debug)]
pub struct Successor {
    /// Its file.
    pub program: PathBuf,
    /// What is left to it.
    pub estate: Estate,
}

/// Runs a node until it is told to end or to make place for another program; from what the program before has left, if
/// there was one. `ready` is called once the API answers, with the public addresses in use and that of the page.
///
/// # Errors
/// [`StartError`]; once it has started, a node does not fail.
pub fn run(
    options: Options,
    mut estate: Option<Estate>,
    ready: impl FnOnce(&[String], Option<SocketAddr>),
) -> Result<Ended, StartError> {
    let (parts, doors, recovered) = prepare(&options, estate.as_mut())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let node = Node::new(options, parts)?;
        recovered.iter().for_each(|recovered| node.say(&recovered.to_string()));
        node.groups.trouble().iter().for_each(|trouble| node.say(&format!("control groups are {trouble}")));
        let mut ending = Ending {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        keep(&node)?;
        if let Some(estate) = estate {
            succeed(&node, estate)?;
        }
        let (api, page) = api::listen(&node, doors)?;
        let api = tokio::task::spawn_local(api);
        ready(&node.addresses, page);
        notify("READY=1");
        tokio::task::spawn_local(keep_watchdog());
        let successor = tokio::select! {
            () = ending.asked() => None,
            program = successor(&node) => Some(program),
        };
        api.abort();
        if let Some(program) = successor {
            tokio::select! {
                () = ending.asked() => {}
                () = node.finish_calls() => {
                    notify("WATCHDOG=1");
                    failpoint("upgrade-leaving");
                    let successor = Successor { program, estate: node.estate()? };
                    return Ok(Ended::Succeeded(Box::new(successor)));
                }
            }
        }
        notify("STOPPING=1");
        end(&node).await;
        Ok(Ended::Told)
    })
}

/// All that a node is made from, read and opened; where its API is asked; and what was wrong with its state.
fn prepare(
    options: &Options,
    mut estate: Option<&mut Estate>,
) -> Result<(Parts, Doors, Option<Recovered>), StartError> {
    options.dirs.make()?;
    let lock = lock(options, estate.as_deref_mut())?;
    // Each cell takes some, each connection to the API one.
    tombolo_sandbox::raise_open_files();
    let ceiling = MachineCeiling::read(&options.dirs.config)?;
    let (db, recovered) = Db::open(&options.dirs.state)?;
    let artifacts = Artifacts::open(options.dirs.state.join("artifacts"))?;
    let next_cell = estate.as_ref().map_or(1, |estate| estate.left.next_cell);
    let state = State::new(options.policy.clone(), db.apps()?).numbered_from(next_cell);
    let certificates = read_certificates(&options.dirs.certificates(), &options.listen)?;
    let opened = sockets::open(options, found(estate.as_deref_mut())?)?;
    let Opened { public, doors, kept: sockets } = opened;
    if public.len() > HANDED_MAX {
        return Err(StartError::Listeners(public.len()));
    }
    clear_sockets(options)?;
    let before = Before::new(estate.as_deref());
    let parts = Parts { db, artifacts, ceiling, certificates, state, public, sockets, lock, before };
    Ok((parts, doors, recovered))
}

/// The signals that end a node.
struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

impl Ending {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Begins all that goes on as long as the node does.
fn keep(node: &Rc<Node>) -> io::Result<()> {
    let mut children = signal(SignalKind::child())?;
    let hang_up = signal(SignalKind::hangup())?;
    let upgrade = signal(SignalKind::user_defined2())?;
    tokio::task::spawn_local({
        let node = Rc::clone(node);
        async move {
            // Those that the program before has started may have ended in between.
            node.children.reap();
            while children.recv().await.is_some() {
                node.children.reap()
            }
        }
    });
    tokio::task::spawn_local(tick(Rc::clone(node)));
    tokio::task::spawn_local(gateway::keep(Rc::clone(node)));
    tokio::task::spawn_local(certificates::follow(Rc::clone(node), hang_up));
    tokio::task::spawn_local(egress::keep(Rc::clone(node)));
    tokio::task::spawn_local(upgrade::follow(Rc::clone(node), upgrade));
    Ok(())
}

/// Takes over from the program before.
fn succeed(node: &Rc<Node>, estate: Estate) -> io::Result<()> {
    // They were held back while the programs changed.
    tombolo_sandbox::release_signals();
    let relatives = Relatives::adopt(node, estate)?;
    failpoint("upgrade-entered");
    tokio::task::spawn_local(relatives.see_off(Rc::clone(node)));
    Ok(())
}

/// The program that is to take this one's place.
async fn successor(node: &Node) -> PathBuf {
    let mut leaving = node.leaving();
    match leaving.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(program)) => program.clone(),
        // The sender is the node's own.
        _ => std::future::pending().await,
    }
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
        // Those of the program before, too.
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
fn lock(options: &Options, estate: Option<&mut Estate>) -> Result<OwnedFd, StartError> {
    if let Some(estate) = estate {
        return Ok(estate.take(estate.left.lock)?);
    }
    let path = options.dirs.state.join("lock");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file.into()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::Running(options.dirs.state.clone())),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

/// The sockets of the program before this one: in this process, or in the hands of the service manager.
fn found(estate: Option<&mut Estate>) -> io::Result<Named<OwnedFd>> {
    let Some(estate) = estate else { return Ok(Inherited::from_env().0) };
    let sockets = std::mem::take(&mut estate.left.sockets);
    sockets.into_iter().map(|(name, place)| Ok((name, estate.take(place)?))).collect()
}

/// What the cells of a node that was killed have left.
fn clear_sockets(options: &Options) -> io::Result<()> {
    for entry in std::fs::read_dir(options.dirs.cells())? {
        std::fs::remove_file(entry?.path())?;
    }
    Ok(())
}
