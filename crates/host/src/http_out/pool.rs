//! Connections of one function that wait for its next request.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use tokio::runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tombolo_spec::grant::Scheme;

use super::body::RequestBody;

/// Connections that a function may have open, in use or waiting.
pub(super) const CONNECTIONS_MAX: usize = 256;
/// Connections that wait for a next request.
const IDLE_MAX: usize = 32;
/// How long one waits.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// Where a connection leads. The runtime is part of it: the task that drives the connection lives there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) runtime: runtime::Id,
}

/// An open connection.
pub(super) struct Connection {
    pub(super) sender: Sender,
    /// What it leads to: checked again for each request that uses it.
    pub(super) peer: Peer,
}

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// An address.
    Address {
        /// Which.
        address: IpAddr,
        /// Whether that is this machine's own.
        is_own: bool,
    },
    /// An app of this node: the one that the host means.
    App,
}

/// How requests are put on a connection.
pub(super) enum Sender {
    /// One request at a time.
    Http1(http1::SendRequest<RequestBody>),
    /// Many side by side.
    Http2(http2::SendRequest<RequestBody>),
}

impl Sender {
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }
}

/// The waiting connections of one function, shared by its instances.
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    open: Arc<Semaphore>,
}

struct Idle {
    key: Key,
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(crate) fn new() -> Pool {
        Pool { idle: Mutex::default(), open: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    /// A place for one more connection; closes a waiting one for it when all are taken.
    pub(super) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = || Arc::clone(&self.open).try_acquire_owned().ok();
        permit().or_else(|| {
            self.lock().pop();
            permit()
        })
    }

    /// A waiting connection to `key`, the youngest first.
    pub(super) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(Idle::is_fresh);
        let at = idle.iter().rposition(|waiting| waiting.key == *key)?;
        match &idle[at].connection.sender {
            Sender::Http2(shared) => {
                let sender = Sender::Http2(shared.clone());
                idle[at].since = Instant::now();
                Some(Connection { sender, peer: idle[at].connection.peer })
            }
            Sender::Http1(_) => Some(idle.remove(at).connection),
        }
    }

    /// Keeps a connection for the next request. The oldest one makes room.
    pub(super) fn put(&self, key: Key, connection: Connection) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.lock();
        idle.retain(Idle::is_fresh);
        if idle.len() >= IDLE_MAX {
            idle.remove(0);
        }
        idle.push(Idle { key, connection, since: Instant::now() });
    }

    /// Connections that wait, for tests.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn is_fresh(&self) -> bool {
        !self.connection.sender.is_closed() && self.since.elapsed() < IDLE_TIME
    }
}
