//! One thread of a cell: its runtime, its listeners, its share of the log.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tombolo_engine::{Ticker, TickerGuard};
use tombolo_host::Guest;
use tombolo_listen::Outbox;
use wasmtime::Store;

use crate::admit;
use crate::function::Generation;
use crate::listener::Closing;
use crate::observe::{Counters, Lines, Log, Tracer};
use crate::refusal::Shortage;

/// What the threads of a cell share.
pub(crate) struct Shared {
    pub(crate) generation: ArcSwap<Generation>,
    pub(crate) cell: Arc<admit::Cell>,
    pub(crate) log: Log,
    /// Where traces go, if they go anywhere.
    pub(crate) tracer: Option<Tracer>,
    pub(crate) engines: Vec<tombolo_engine::Engine>,
    /// One for each engine; all lead to the clock of the process.
    pub(crate) tickers: Vec<Ticker>,
    /// Connections that each worker holds at most.
    pub(crate) connections: usize,
    /// Requests that reached no function, one set for each worker.
    pub(crate) unrouted: Arc<[Counters]>,
}

impl Shared {
    /// Keeps the clock running that interrupts guests.
    pub(crate) fn ticks(&self) -> Result<TickerGuard, Shortage> {
        let guard = self.tickers.first().and_then(|ticker| ticker.guard().ok());
        guard.ok_or(Shortage::Instances)
    }
}

/// One thread's part.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) lines: Rc<Lines>,
    pub(crate) closing: Rc<Closing>,
    pub(crate) outbox: Rc<Outbox>,
    connections: Rc<Connections>,
}

impl Worker {
    pub(crate) fn new(index: usize, shared: Arc<Shared>) -> Rc<Worker> {
        let lines = Lines::new(shared.log.clone());
        LINES.set(Some(Rc::clone(&lines)));
        Rc::new(Worker {
            index,
            shared,
            lines,
            closing: Rc::default(),
            outbox: Rc::default(),
            connections: Rc::default(),
        })
    }

    /// The functions that answer now.
    pub(crate) fn generation(&self) -> arc_swap::Guard<Arc<Generation>> {
        self.shared.generation.load()
    }

    /// Counters for requests that reach no function.
    pub(crate) fn unrouted(&self) -> &Counters {
        &self.shared.unrouted[self.index]
    }

    /// A place for one more connection, if there is one; given up by dropping it.
    pub(crate) fn connection(&self) -> Option<ConnectionPlace> {
        let count = &self.connections.count;
        (count.get() < self.shared.connections).then(|| {
            count.set(count.get() + 1);
            self.connections.most.set(self.connections.most.get().max(count.get()));
            ConnectionPlace(Rc::clone(&self.connections))
        })
    }

    /// Waits until there is no connection.
    pub(crate) async fn idle(&self) {
        while self.connections.count.get() > 0 {
            self.connections.left.notified().await;
        }
    }

    /// Whether the worker is told to end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.has_begun()
    }

    /// The largest head that any function takes, in bytes.
    pub(crate) fn head_bytes_max(&self) -> usize {
        let generation = self.generation();
        let largest = generation.functions.iter().map(|function| function.limits.headers_bytes).max();
        largest.map_or(HEAD_BYTES, |bytes| usize::try_from(bytes).unwrap_or(HEAD_BYTES).max(HEAD_BYTES))
    }
}

/// The largest head that is read where no function says otherwise.
const HEAD_BYTES: usize = 32 * 1024;

/// Connections whose memory is worth giving back when the last of them has left.
const MANY_CONNECTIONS: usize = 256;

/// The connections of one worker.
#[derive(Debug, Default)]
struct Connections {
    count: Cell<usize>,
    /// The most at once since there was none.
    most: Cell<usize>,
    left: Notify,
}

/// One connection's place among those of its worker.
#[derive(Debug)]
pub(crate) struct ConnectionPlace(Rc<Connections>);

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        self.0.left.notify_one();
        if self.0.count.get() == 0 && self.0.most.take() >= MANY_CONNECTIONS {
            tombolo_sandbox::give_back_memory();
        }
    }
}

thread_local!(static LINES: RefCell<Option<Rc<Lines>>> = const { RefCell::new(None) });

/// Adds a line to the log of the worker on this thread, or says that there is none.
pub(crate) fn log_line(line: &impl serde::Serialize) -> bool {
    LINES.with_borrow(|lines| lines.as_ref().map(|lines| lines.line(line)).is_some())
}

thread_local!(static FINISHED: RefCell<Vec<Store<Guest>>> = const { RefCell::new(Vec::new()) });

/// Instances that may wait to be dropped.
const FINISHED_MAX: usize = 16;

/// Keeps a finished instance until the answer has left: dropping it costs time that the client need not wait for.
pub(crate) fn bury(store: Store<Guest>) {
    let full = FINISHED.with_borrow_mut(|finished| {
        finished.push(store);
        finished.len() >= FINISHED_MAX
    });
    if full {
        drop_finished_instances();
    }
}

/// Drops the instances whose answers have left.
pub(crate) fn drop_finished_instances() {
    let finished = FINISHED.with_borrow_mut(std::mem::take);
    drop(finished);
}

/// Runs the tasks of HTTP/2 connections on this thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
