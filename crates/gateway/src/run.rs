//! The gateway process: takes its sockets, starts its workers, does what the node orders.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;
use tombolo_listen::{Listener, Tls, TlsError};
use tombolo_sandbox::recv_fds;

use crate::accept::{Public, Worker};
use crate::pool::pool;
use crate::table::{Current, Table};
use crate::wire::{Order, PublicDoor, Said};

/// Why a gateway can't go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The node is gone, or something else failed on the way to it.
    #[error("gateway: talking to the node: {0}")]
    Node(#[from] io::Error),
    /// The certificates that the node gave.
    #[error("gateway: {0}")]
    Tls(#[from] TlsError),
    /// The node said something else than expected.
    #[error("gateway: unexpected words from the node: {0}")]
    Words(String),
}

/// Serves until the node says drain, or is gone. `node` is the socket to it.
///
/// # Errors
/// [`GatewayError`]; whoever started it starts another one.
pub fn run(node: UnixStream) -> Result<(), GatewayError> {
    let listeners = listeners(&node)?;
    let mut orders = Orders(BufReader::new(node.try_clone()?));
    let Some(Order::Begin { cells, workers, doors, certificates }) = orders.next()? else {
        return Err(GatewayError::Words("no beginning".into()));
    };
    let needs_tls = doors.iter().any(|door| door.is_tls);
    let tls = needs_tls.then(|| Tls::load(&certificates)).transpose()?;
    let public: Vec<Public> = listeners
        .into_iter()
        .zip(&doors)
        .map(|(listener, PublicDoor { is_tls })| Public { listener, tls: tls.clone().filter(|_| *is_tls) })
        .collect();

    let (stop, drain) = watch::channel(false);
    let gateway = Gateway { cells, table: Current::default(), tls, drain };
    let threads = (0..workers.max(1))
        .map(|index| gateway.start_worker(index, public.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    drop(public);
    gateway.follow(&mut orders, node)?;
    let _ = stop.send(true);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a worker panicked"))??;
    }
    Ok(())
}

/// The public listeners, as the node sends them.
fn listeners(node: &UnixStream) -> io::Result<Vec<Arc<Listener>>> {
    let mut listeners = Vec::new();
    loop {
        let mut left = [0];
        let (_, sockets) = recv_fds(node, &mut left)?;
        listeners.push(Arc::new(Listener::given(sockets)?));
        if left[0] <= 1 {
            return Ok(listeners);
        }
    }
}

/// What the threads of a gateway share.
struct Gateway {
    cells: PathBuf,
    table: Current,
    tls: Option<Tls>,
    drain: watch::Receiver<bool>,
}

impl Gateway {
    fn start_worker(&self, index: usize, public: Vec<Public>) -> io::Result<JoinHandle<io::Result<()>>> {
        let (cells, table, drain) = (self.cells.clone(), self.table.clone(), self.drain.clone());
        std::thread::Builder::new().name("worker".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let worker = Worker { table, pool: pool(cells), drain };
            runtime.block_on(worker.serve(index, public))
        })
    }

    /// Does what the node orders until it is time to end.
    fn follow(&self, orders: &mut Orders, mut node: UnixStream) -> Result<(), GatewayError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        while let Some(order) = orders.next()? {
            match order {
                Order::Table(table) => {
                    runtime.block_on(self.table.replace(Table::new(&table)));
                    let mut line = serde_json::to_vec(&Said::Routed { version: table.version })
                        .map_err(io::Error::from)?;
                    line.push(b'\n');
                    node.write_all(&line)?;
                }
                Order::Certificates(pems) => {
                    self.tls.as_ref().map_or(Ok(()), |tls| tls.reload(&pems))?;
                }
                Order::Drain => return Ok(()),
                Order::Begin { .. } => return Err(GatewayError::Words("a second beginning".into())),
            }
        }
        Ok(())
    }
}

/// The node's orders, line by line.
struct Orders(BufReader<UnixStream>);

impl Orders {
    /// The next order; `None` when the node is gone.
    fn next(&mut self) -> Result<Option<Order>, GatewayError> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        serde_json::from_str(&line).map(Some).map_err(|error| GatewayError::Words(error.to_string()))
    }
}
