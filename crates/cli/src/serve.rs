//! `tombolo serve`: arguments → plans → compiled code → opened grants and sockets → lock down → serve.

mod collector;
mod export;
mod helper;
mod loader;
mod message;
mod prepare;
mod reload;
mod wanted;
mod watch;

use std::io;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tombolo_cell::{Drained, Patience, Public, ServeOptions, Serving, Traces, serve as serve_cell};
use tombolo_listen::{ListenAddress, Listener, Tls, TlsFiles};
use tombolo_sandbox::lock_down;

use crate::args::ServeArgs;
use crate::exit::{Exit, Failure, OrExit};
use crate::notice;

use export::Exporter;
use prepare::Prepared;
pub(crate) use prepare::policy_of;
use reload::{Loader, Reload};
use wanted::Wanted;

pub(crate) use collector::Collector;
pub(crate) use export::{EXPORTER_COMMAND, export};
pub(crate) use loader::load;
pub(crate) use reload::LOADER_COMMAND;

/// Instances that one cell runs at once at most.
pub(crate) const INSTANCES_MAX: usize = 900;

/// Connections that each worker holds at most.
pub(crate) const CONNECTIONS_MAX: usize = 20_000;

/// Serves until a signal says stop.
///
/// # Errors
/// Whatever keeps the server from starting: nothing is accepted then.
pub(crate) fn serve(args: &ServeArgs) -> Result<Exit, Failure> {
    let workers = args.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let loader = Loader::start()?;
    let exporter = args.otlp.as_ref().map(Exporter::start).transpose()?;
    // Each connection is a descriptor.
    tombolo_sandbox::raise_open_files();
    tombolo_sandbox::take_short_turns();
    let wanted = Wanted::read(args)?;
    let prepared = Prepared::new(&wanted, workers)?;
    let listeners = bind(&args.listen, workers)?;
    let (control, admin) = (bind(&args.control, workers)?, bind(&args.admin, workers)?);
    let tls = tls(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let traces = exporter.as_ref().map(|exporter| traces(exporter, &wanted)).transpose()?;
    let addresses: Vec<String> = listeners.iter().map(ToString::to_string).collect();

    lock_down(&prepared.policy()).or_exit(Exit::NotPermitted)?;
    let engines = prepared.engines;
    let serving = serve_cell(ServeOptions {
        engines: engines.all(),
        functions: prepared.functions,
        listeners: listeners.into_iter().map(|listener| Public { listener, tls: tls.clone() }).collect(),
        is_open: true,
        gateway: Vec::new(),
        control,
        admin,
        workers,
        instances: INSTANCES_MAX,
        memory_bytes: args.memory.0,
        connections: CONNECTIONS_MAX,
        patience: Patience::default(),
        drain: args.drain,
        log: Box::new(io::stderr()),
        traces,
    })?;
    let handle = serving.handle();
    let asker = loader.asker()?;
    loader.follow(Reload {
        handle: handle.clone(),
        tls,
        args: args.clone(),
        engines,
        data: prepared.data,
        wanted,
    })?;
    addresses.iter().for_each(|address| notice!("serving on {address}"));
    runtime.block_on(signals.obey(|| asker.ask(&handle)));
    let exit = end(serving);
    if let Some(exporter) = exporter {
        exporter.finish();
    }
    exit
}

fn traces(exporter: &Exporter, wanted: &Wanted) -> anyhow::Result<Traces> {
    Ok(Traces { out: exporter.writer()?, service: wanted.app() })
}

fn bind(addresses: &[ListenAddress], workers: usize) -> anyhow::Result<Vec<Listener>> {
    let bound =
        addresses.iter().map(|address| Listener::bind(address, workers)).collect::<Result<Vec<_>, _>>()?;
    Ok(bound.into_iter().flatten().collect())
}

fn tls(args: &ServeArgs) -> anyhow::Result<Option<Tls>> {
    if args.tls_cert.len() != args.tls_key.len() {
        anyhow::bail!("each --tls-cert needs its --tls-key, in the same order");
    }
    let files = tls_files(args);
    if files.is_empty() {
        return Ok(None);
    }
    let pems = files.iter().map(TlsFiles::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Tls::load(&pems)?))
}

/// The certificates that the arguments name.
fn tls_files(args: &ServeArgs) -> Vec<TlsFiles> {
    let files = args.tls_cert.iter().zip(&args.tls_key);
    files.map(|(certificate, key)| TlsFiles { certificate: certificate.clone(), key: key.clone() }).collect()
}

fn end(serving: Serving) -> Result<Exit, Failure> {
    match serving.stop().context("a worker could not open its sockets")? {
        Drained::Fully => {}
        Drained::TimeUp => notice!("the time to drain was up before the last request had ended"),
    }
    Ok(Exit::Program(0))
}

/// The signals that a server obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Until one says to end; `SIGHUP` says to reload.
    async fn obey(mut self, reload: impl Fn()) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(),
            }
        }
    }
}
