//! Runs a cell: one thread for each worker, until it is told to end.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tombolo_engine::{Engine, Ticker};
use tombolo_listen::{Listener, Tls};

use crate::admit::Cell;
use crate::function::{Generation, PrepareError, PreparedFunction};
use crate::listener::{Entrance, Patience, Protocols};
use crate::observe::{Counters, Log, SteeringLine, Tracer, Traces};
use crate::path::DoorKind;
use crate::turns;
use crate::worker::{Shared, Worker, drop_finished_instances};

/// How a cell serves.
pub struct ServeOptions {
    /// The engines of all functions that it serves, now and later.
    pub engines: Vec<Engine>,
    /// What it serves.
    pub functions: Vec<PreparedFunction>,
    /// Sockets for everybody.
    pub listeners: Vec<Public>,
    /// Whether `listeners` are accepted from at once, or after [`Handle::open`].
    pub is_open: bool,
    /// Sockets for the gateway of a node, which says who asks.
    pub gateway: Vec<Listener>,
    /// Sockets for the node: requests, and events at `/events/<function>`.
    pub control: Vec<Listener>,
    /// Sockets for `/healthz` and `/metrics`.
    pub admin: Vec<Listener>,
    /// Worker threads.
    pub workers: usize,
    /// Instances that may run at once in the whole cell: no more than the engine's pool has places.
    pub instances: usize,
    /// Memory that running instances may take together, in bytes.
    pub memory_bytes: u64,
    /// Connections that each worker holds at most.
    pub connections: usize,
    /// How long clients may take.
    pub patience: Patience,
    /// How long requests that have begun may go on when the cell ends.
    pub drain: Duration,
    /// Where log lines go.
    pub log: Box<dyn io::Write + Send>,
    /// Where traces go; `None` records none.
    pub traces: Option<Traces>,
}

/// Sockets for everybody, and how to speak there.
pub struct Public {
    /// The sockets.
    pub listener: Listener,
    /// TLS, or in clear.
    pub tls: Option<Tls>,
}

/// Why a cell could not begin to serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A function cannot be served.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The machine refused a thread or a socket.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] io::Error),
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request that had begun was answered.
    Fully,
    /// The time for it was up before.
    TimeUp,
}

/// A cell that serves. Dropping it without [`Serving::stop`] leaves it running.
pub struct Serving {
    handle: Handle,
    workers: Vec<JoinHandle<io::Result<bool>>>,
    log_writer: JoinHandle<()>,
    trace_writer: Option<JoinHandle<()>>,
}

/// Steers a cell from any thread.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    workers: usize,
    open: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

/// Starts a cell. The calling process is expected to have locked itself down; no file is opened from here on.
///
/// # Errors
/// [`ServeError`]; nothing is accepted then.
pub fn serve(options: ServeOptions) -> Result<Serving, ServeError> {
    let workers = options.workers.max(1);
    tombolo_engine::when_idle(tombolo_sandbox::give_back_memory);
    let (log, log_writer) = Log::start(options.log)?;
    let (tracer, trace_writer) = options.traces.map(Tracer::start).transpose()?.unzip();
    let cell = Cell::new(options.instances, options.memory_bytes);
    let nothing = Generation::default();
    let generation = Generation::new(options.functions, &options.engines, workers, &nothing, (&cell, &log))?;
    let shared = Arc::new(Shared {
        generation: ArcSwap::from_pointee(generation),
        cell,
        log,
        tracer,
        tickers: options.engines.iter().map(Ticker::new).collect(),
        engines: options.engines,
        unrouted: (0..workers).map(|_| Counters::default()).collect(),
        connections: options.connections,
    });
    let (stop, stopped) = watch::channel(false);
    let (open, opened) = watch::channel(options.is_open);
    let plan = Arc::new(Plan {
        listeners: options.listeners,
        gateway: options.gateway,
        opened,
        control: options.control,
        admin: options.admin,
        patience: options.patience,
        drain: options.drain,
    });
    let threads = (0..workers)
        .map(|index| {
            let (shared, plan, stopped) = (Arc::clone(&shared), Arc::clone(&plan), stopped.clone());
            let name = format!("worker-{index}");
            std::thread::Builder::new().name(name).spawn(move || work(index, shared, plan, stopped))
        })
        .collect::<Result<_, _>>()?;
    Ok(Serving { handle: Handle { shared, workers, open, stop }, workers: threads, log_writer, trace_writer })
}

impl Serving {
    /// Steers this cell.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the cell: accepts no more, lets requests end, and waits for that.
    ///
    /// # Errors
    /// When a worker could not open its sockets.
    pub fn stop(self) -> io::Result<Drained> {
        self.handle.stop();
        self.wait()
    }

    /// Waits until the cell has ended, after [`Handle::stop`].
    ///
    /// # Errors
    /// As [`Serving::stop`].
    pub fn wait(self) -> io::Result<Drained> {
        let mut drained = Drained::Fully;
        for worker in self.workers {
            match worker.join() {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => drained = Drained::TimeUp,
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::Error::other("a worker panicked")),
            }
        }
        self.handle.shared.log.end();
        let _ = self.log_writer.join();
        if let (Some(tracer), Some(writer)) = (&self.handle.shared.tracer, self.trace_writer) {
            tracer.end(&writer);
        }
        Ok(drained)
    }
}

impl Handle {
    /// Tells the cell to end.
    pub fn stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Accepts from the public listeners, or no more: then connections that came by them end after the request that they
    /// have, and those that come are left to another process with the same sockets.
    pub fn open(&self, is_open: bool) {
        let _ = self.open.send(is_open);
    }

    /// Serves `functions` from the next request on. Requests that have begun end with what they began with.
    ///
    /// # Errors
    /// [`PrepareError`]; what is served stays as it is then.
    pub fn swap(&self, functions: Vec<PreparedFunction>) -> Result<(), PrepareError> {
        let shared = &self.shared;
        let next = Generation::new(
            functions,
            &shared.engines,
            self.workers,
            &shared.generation.load(),
            (&shared.cell, &shared.log),
        )?;
        let line = SteeringLine::new("swapped").functions(next.functions.len());
        shared.generation.store(Arc::new(next));
        shared.log.line(&line);
        Ok(())
    }

    /// Logs that new certificates are in use.
    pub fn certificates_swapped(&self) {
        self.shared.log.line(&SteeringLine::new("certificates-swapped"));
    }

    /// Logs why what is served stays as it is although something else was wanted.
    pub fn reload_failed(&self, why: &str) {
        self.shared.log.line(&SteeringLine::new("reload-failed").cause(why));
    }

    /// The metrics, in Prometheus' text format.
    pub fn metrics(&self) -> String {
        crate::observe::metrics::text(&self.shared)
    }
}

/// What every worker listens on.
struct Plan {
    listeners: Vec<Public>,
    gateway: Vec<Listener>,
    /// Whether `listeners` are accepted from.
    opened: watch::Receiver<bool>,
    control: Vec<Listener>,
    admin: Vec<Listener>,
    patience: Patience,
    drain: Duration,
}

impl Plan {
    fn entrances(&self, index: usize) -> io::Result<Vec<Entrance>> {
        let entrance = |listener: &Listener, kind, tls: Option<&Tls>| {
            let open = (kind == DoorKind::Public).then(|| self.opened.clone());
            Ok(Entrance { socket: listener.for_worker(index)?, kind, tls: tls.cloned(), open })
        };
        let public = self.listeners.iter();
        let public = public.map(|public| entrance(&public.listener, DoorKind::Public, public.tls.as_ref()));
        let gateway = self.gateway.iter().map(|listener| entrance(listener, DoorKind::Gateway, None));
        let control = self.control.iter().map(|listener| entrance(listener, DoorKind::Control, None));
        let admin = self.admin.iter().map(|listener| entrance(listener, DoorKind::Admin, None));
        public.chain(gateway).chain(control).chain(admin).collect()
    }
}

/// One worker's life; whether it ended with no request left.
fn work(
    index: usize,
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let worker = Worker::new(index, shared);
        let closing = Rc::clone(&worker.closing);
        let protocols = Protocols::new(worker.head_bytes_max(), plan.patience);
        let flusher = tokio::task::spawn_local({
            let lines = Rc::clone(&worker.lines);
            async move { lines.keep_flushing().await }
        });
        let sender = tokio::task::spawn_local({
            let outbox = Rc::clone(&worker.outbox);
            async move { outbox.keep_sending(drop_finished_instances).await }
        });
        let turns = tokio::task::spawn_local(turns::keep_giving());
        let serve = |entrance: Entrance| {
            tokio::task::spawn_local(entrance.serve(Rc::clone(&worker), protocols.clone()))
        };
        let entrances: Vec<_> = plan.entrances(index)?.into_iter().map(serve).collect();
        let drain = plan.drain;
        // With the last worker's part the sockets close when no more is accepted, and not only when all is answered.
        drop(plan);
        let _ = stopped.wait_for(|stopped| *stopped).await;
        closing.begin();
        let drained = async {
            futures::future::join_all(entrances).await;
            worker.idle().await;
        };
        let drained = tokio::time::timeout(drain, drained).await.is_ok();
        turns.abort();
        sender.abort();
        worker.outbox.send();
        flusher.abort();
        worker.lines.flush();
        Ok(drained)
    })
}
