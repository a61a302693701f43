//! The gateway process: takes its sockets, starts its workers, does what the node orders.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::JoinHandle;

use tokio::sync::watch;
use tombolo_sandbox::recv_fds;

use crate::accept::Worker;
use crate::pool::pool;
use crate::table::{Current, Table};
use crate::wire::{Order, Said};

/// Why a gateway can't go on.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The node is gone, or something else failed on the way to it.
    #[error("gateway: talking to the node: {0}")]
    Node(#[from] io::Error),
    /// The node said something else than expected.
    #[error("gateway: unexpected words from the node: {0}")]
    Words(String),
}

/// Serves until the node says drain, or is gone. `node` is the socket to it.
///
/// # Errors
/// [`GatewayError`]; whoever started it starts another one.
pub fn run(node: UnixStream) -> Result<(), GatewayError> {
    let mut byte = [0];
    let (_, sockets) = recv_fds(&node, &mut byte)?;
    let listeners: Vec<TcpListener> = sockets.into_iter().map(TcpListener::from).collect();
    listeners.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
    let mut orders = Orders(BufReader::new(node.try_clone()?));
    let Some(Order::Begin { cells, workers }) = orders.next()? else {
        return Err(GatewayError::Words("no beginning".into()));
    };

    let (stop, drain) = watch::channel(false);
    let table = Current::default();
    let threads = (0..workers.max(1))
        .map(|_| start_worker(&listeners, &cells, &table, &drain))
        .collect::<io::Result<Vec<_>>>()?;
    drop(listeners);
    follow(&mut orders, &table, node)?;
    let _ = stop.send(true);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a worker panicked"))??;
    }
    Ok(())
}

fn start_worker(
    listeners: &[TcpListener],
    cells: &Path,
    table: &Current,
    drain: &watch::Receiver<bool>,
) -> io::Result<JoinHandle<io::Result<()>>> {
    let listeners = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<Vec<_>>>()?;
    let (cells, table, drain) = (cells.to_owned(), table.clone(), drain.clone());
    std::thread::Builder::new().name("worker".into()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker { table, pool: pool(cells), drain };
        runtime.block_on(worker.serve(listeners))
    })
}

/// Takes in tables until it is time to end.
fn follow(orders: &mut Orders, current: &Current, mut node: UnixStream) -> Result<(), GatewayError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    while let Some(order) = orders.next()? {
        match order {
            Order::Table(table) => {
                runtime.block_on(current.replace(Table::new(&table)));
                let mut line =
                    serde_json::to_vec(&Said::Routed { version: table.version }).map_err(io::Error::from)?;
                line.push(b'\n');
                node.write_all(&line)?;
            }
            Order::Drain => return Ok(()),
            Order::Begin { .. } => return Err(GatewayError::Words("a second beginning".into())),
        }
    }
    Ok(())
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
