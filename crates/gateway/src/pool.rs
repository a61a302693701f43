//! Connections to cells, kept open between requests. Each worker has its own, so that nothing here is locked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tombolo_listen::{Gathered, Outbox};

use crate::body::CellBody;
use crate::passages::Passages;
use crate::refusal::Refusal;

/// Shorter than a cell's own patience with idle connections, so that it is not the cell that closes first.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// Idle connections that each worker keeps to each cell.
const IDLE_MAX: usize = 256;

/// A worker's connections to all cells.
#[derive(Debug)]
pub(crate) struct Pool {
    passages: Passages,
    outbox: Rc<Outbox>,
    /// By cell; those that were used last come last.
    idle: RefCell<BTreeMap<u64, VecDeque<Idle>>>,
    /// Whether somebody looks after idle connections.
    is_swept: Cell<bool>,
}

/// A connection on which nothing is asked.
#[derive(Debug)]
struct Idle {
    sender: SendRequest<Incoming>,
    since: Instant,
}

/// A connection while a request is answered on it; afterwards it goes back into its pool.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Rc<Pool>,
    cell: u64,
    sender: SendRequest<Incoming>,
}

impl Pool {
    pub(crate) fn new(passages: Passages, outbox: Rc<Outbox>) -> Rc<Pool> {
        Rc::new(Pool { passages, outbox, idle: RefCell::default(), is_swept: Cell::new(false) })
    }

    /// What a cell answers. Dropping this on the way ends the connection, and so the request.
    pub(crate) async fn request(
        self: &Rc<Pool>,
        cell: u64,
        mut request: Request<Incoming>,
    ) -> Result<Response<CellBody>, Refusal> {
        loop {
            let (mut sender, is_new) = match self.idle(cell) {
                Some(sender) => (sender, false),
                None => (self.connect(cell).await.map_err(|_| Refusal::NoCell)?, true),
            };
            match sender.try_send_request(request).await {
                Ok(answer) => {
                    let lease = Lease { pool: Rc::clone(self), cell, sender };
                    return Ok(answer.map(|body| CellBody::new(body, lease)));
                }
                // The cell closed a connection that had been idle before it saw anything of the request.
                Err(mut unsent) => match unsent.take_message() {
                    Some(message) if !is_new => request = message,
                    Some(_) => return Err(Refusal::NoCell),
                    None => return Err(Refusal::CellBroke),
                },
            }
        }
    }

    /// The connection that was used last, if one is left that can take a request at once.
    fn idle(&self, cell: u64) -> Option<SendRequest<Incoming>> {
        let mut all = self.idle.borrow_mut();
        let idle = all.get_mut(&cell)?;
        idle.retain(|idle| !idle.sender.is_closed());
        let at = idle.iter().rposition(|idle| idle.sender.is_ready())?;
        idle.remove(at).map(|idle| idle.sender)
    }

    async fn connect(&self, cell: u64) -> io::Result<SendRequest<Incoming>> {
        let stream: UnixStream = self.passages.connect(cell).await?;
        let io = TokioIo::new(Gathered::new(stream, Rc::clone(&self.outbox)));
        let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
        // How it ends is told to those who ask on it.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(sender)
    }

    fn put_back(self: &Rc<Pool>, cell: u64, sender: SendRequest<Incoming>) {
        let mut all = self.idle.borrow_mut();
        let idle = all.entry(cell).or_default();
        if idle.len() >= IDLE_MAX {
            idle.pop_front();
        }
        idle.push_back(Idle { sender, since: Instant::now() });
        drop(all);
        if !self.is_swept.replace(true) {
            let pool = Rc::clone(self);
            tokio::task::spawn_local(async move { pool.keep_sweeping().await });
        }
    }

    /// Closes connections that were idle for too long, as long as there is one: a gateway at rest has no timer.
    async fn keep_sweeping(&self) {
        while let Some(oldest) = self.oldest() {
            tokio::time::sleep_until((oldest + IDLE_TIME).into()).await;
            let now = Instant::now();
            self.idle.borrow_mut().retain(|_, idle| {
                idle.retain(|idle| !idle.sender.is_closed() && idle.since + IDLE_TIME > now);
                !idle.is_empty()
            });
        }
        self.is_swept.set(false);
    }

    fn oldest(&self) -> Option<Instant> {
        self.idle.borrow().values().filter_map(|idle| idle.front()).map(|idle| idle.since).min()
    }
}

impl Lease {
    /// The answer is complete.
    pub(crate) fn end(self) {
        if !self.sender.is_closed() {
            self.pool.put_back(self.cell, self.sender);
        }
    }
}
