//! `tombolo serve`: arguments → plans → compiled code → opened grants and sockets → lock down → serve.

mod prepare;

use std::io;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tombolo_cell::{Drained, Listener, Patience, ServeOptions, Serving, Tls, TlsFiles, serve as serve_cell};
use tombolo_sandbox::lock_down;

use crate::args::ServeArgs;
use crate::exit::{Exit, Failure, OrExit};
use crate::notice;

use prepare::Prepared;

/// Instances that one cell runs at once at most.
const INSTANCES_MAX: usize = 900;

/// Connections that each worker holds at most.
const CONNECTIONS_MAX: usize = 20_000;

/// Serves until a signal says stop.
///
/// # Errors
/// Whatever keeps the server from starting: nothing is accepted then.
pub(crate) fn serve(args: &ServeArgs) -> Result<Exit, Failure> {
    let workers = args.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let prepared = Prepared::new(args, workers)?;
    let listeners = bind(&args.listen, workers)?;
    let (control, admin) = (bind(&args.control, workers)?, bind(&args.admin, workers)?);
    let tls = tls(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let addresses: Vec<String> = listeners.iter().map(ToString::to_string).collect();

    lock_down(&prepared.policy()).or_exit(Exit::NotPermitted)?;
    let serving = serve_cell(ServeOptions {
        engines: prepared.engines,
        functions: prepared.functions,
        listeners,
        tls,
        control,
        admin,
        workers,
        instances: INSTANCES_MAX,
        memory_bytes: args.memory.0,
        connections: CONNECTIONS_MAX,
        patience: Patience::default(),
        drain: args.drain,
        log: Box::new(io::stderr()),
    })?;
    addresses.iter().for_each(|address| notice!("serving on {address}"));
    runtime.block_on(signals.wait());
    end(serving)
}

fn bind(addresses: &[tombolo_cell::ListenAddress], workers: usize) -> anyhow::Result<Vec<Listener>> {
    let bound =
        addresses.iter().map(|address| Listener::bind(address, workers)).collect::<Result<Vec<_>, _>>()?;
    Ok(bound.into_iter().flatten().collect())
}

fn tls(args: &ServeArgs) -> anyhow::Result<Option<Tls>> {
    match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => {
            let files = TlsFiles { names: Vec::new(), certificate: certificate.clone(), key: key.clone() };
            Ok(Some(Tls::load(&[files])?))
        }
        _ => Ok(None),
    }
}

fn end(serving: Serving) -> Result<Exit, Failure> {
    match serving.stop().context("a worker could not open its sockets")? {
        Drained::Fully => {}
        Drained::TimeUp => notice!("the time to drain was up before the last request had ended"),
    }
    Ok(Exit::Program(0))
}

/// The signals that end a server in good order.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
