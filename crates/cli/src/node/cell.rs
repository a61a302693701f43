//! The process of a cell: hears what to serve, loads it, locks itself down, says that it is ready, serves.

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tombolo_cell::{Handle, Patience, Public, ServeOptions, Serving, serve};
use tombolo_host::{Broker, Network};
use tombolo_listen::{Listener, Tls};
use tombolo_node::failpoint;
use tombolo_node::wire::{CellOrder, CellSaid, CellTold};
use tombolo_sandbox::{self as sandbox, CellPlan, Entered, Policy, Verdict, recv_fds, run_in_cell};

use super::load::{self, Loaded, Unloadable};
use crate::exit::{Exit, Failure};
use crate::serve::{CONNECTIONS_MAX, INSTANCES_MAX, policy_of};

/// Is a cell of the node at the other end of standard input.
///
/// # Errors
/// When that is no node, or no process can be made.
pub(crate) fn cell() -> Result<Exit, Failure> {
    go_first_when_memory_ends();
    sandbox::take_short_turns();
    let mut node = Node::new()?;
    // It has no network: what its grants reach comes as descriptors from the broker.
    let verdict = run_in_cell(&CellPlan::default(), |entered| node.live(&entered))?;
    Ok(match verdict {
        Verdict::Exited(code) => Exit::Program(code),
        Verdict::Signaled(signal) | Verdict::Interrupted(signal) => Exit::Signal(signal),
        Verdict::DeadlineExceeded => Exit::WallLimit,
    })
}

/// What a cell always listens on.
const LISTENERS: usize = 3;

/// On a machine that is out of memory one tenant is to go, not the node or the gateway, which serve all (proc(5),
/// `oom_score_adj`). Where it cannot be said, the kernel chooses as it does.
fn go_first_when_memory_ends() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "500");
}

/// The node, as a cell sees it.
struct Node {
    lines: BufReader<UnixStream>,
    to: UnixStream,
    order: CellOrder,
    sockets: Vec<OwnedFd>,
    handed: Vec<Listener>,
}

impl Node {
    fn new() -> anyhow::Result<Node> {
        let channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let mut left = [0];
        let (_, sockets) = recv_fds(&channel, &mut left).context("no sockets came")?;
        let mut handed = Vec::new();
        while left[0] > 0 {
            let (_, sockets) = recv_fds(&channel, &mut left).context("a listener did not come")?;
            handed.push(Listener::given(sockets)?);
        }
        let mut lines = BufReader::new(channel.try_clone()?);
        let mut order = String::new();
        lines.read_line(&mut order).context("no order came")?;
        let order = serde_json::from_str(&order).context("no order came")?;
        Ok(Node { lines, to: channel, order, sockets, handed })
    }

    /// The cell's life; its exit code.
    fn live(&mut self, entered: &Entered) -> u8 {
        let (serving, tls) = match self.begin(entered) {
            Ok(begun) => begun,
            Err(Unloadable { app, reason }) => {
                self.say(&CellSaid::Failed { app, reason: format!("{reason:#}") });
                return 1;
            }
        };
        self.listen(&serving.handle(), tls.as_ref());
        match serving.stop() {
            Ok(_) => 0,
            Err(_) => 1,
        }
    }

    /// Loads, locks down and serves.
    fn begin(&mut self, entered: &Entered) -> Result<(Serving, Option<Tls>), Unloadable> {
        let nobodys = |reason: anyhow::Error| Unloadable { app: None, reason };
        let broker = self.broker().map_err(nobodys)?;
        let network = broker.clone().map(|broker| Arc::new(Network::brokered(broker)));
        failpoint("cell-ordered");
        let Loaded { engines, functions } = load::load(&self.order, network.as_ref())?;
        failpoint("cell-loaded");
        let [requests, control, admin] = self.listeners().map_err(nobodys)?;
        let tls = self.order.handed.contains(&true).then(|| Tls::load(&self.order.certificates)).transpose();
        let tls = tls.map_err(|error| nobodys(error.into()))?;
        let handed = std::mem::take(&mut self.handed).into_iter().zip(&self.order.handed);
        let public =
            |(listener, is_tls): (_, &bool)| Public { listener, tls: tls.clone().filter(|_| *is_tls) };
        let policy = Policy { network: sandbox::Network::None, udp: false, ..policy_of(&functions) };
        let layers = entered.lock_down(&policy).map_err(|error| nobodys(error.into()))?;
        broker.map_or(Ok(()), |broker| broker.listen()).map_err(|error| nobodys(error.into()))?;
        let serving = serve(ServeOptions {
            engines,
            functions,
            listeners: handed.map(public).collect(),
            is_open: false,
            gateway: vec![requests],
            control: vec![control],
            admin: vec![admin],
            workers: self.order.workers,
            instances: INSTANCES_MAX,
            memory_bytes: self.order.memory_bytes,
            connections: CONNECTIONS_MAX,
            patience: Patience::default(),
            drain: Duration::from_millis(self.order.drain_ms),
            log: Box::new(io::stderr()),
            traces: None,
        });
        let serving = serving.map_err(|error| nobodys(error.into()))?;
        let layers = serde_json::to_value(&layers).unwrap_or_default();
        self.say(&CellSaid::Ready { layers });
        Ok((serving, tls))
    }

    /// The node's broker, where a grant needs one: the fourth socket.
    fn broker(&mut self) -> anyhow::Result<Option<Arc<Broker>>> {
        let socket = self.sockets.drain(LISTENERS.min(self.sockets.len())..).next();
        Ok(socket.map(Broker::new).transpose()?)
    }

    fn listeners(&mut self) -> anyhow::Result<[Listener; LISTENERS]> {
        let sockets = std::mem::take(&mut self.sockets).try_into();
        let [requests, control, admin]: [OwnedFd; LISTENERS] =
            sockets.map_err(|_| anyhow!("three sockets are needed"))?;
        Ok([
            Listener::passed(requests, "requests")?,
            Listener::of_unix(UnixListener::from(control), "control")?,
            Listener::of_unix(UnixListener::from(admin), "admin")?,
        ])
    }

    /// Does what it is told, until the node says drain or is gone.
    fn listen(&mut self, handle: &Handle, tls: Option<&Tls>) {
        let mut line = String::new();
        while self.lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            match serde_json::from_str(&line) {
                Ok(CellTold::Enter) => handle.open(true),
                Ok(CellTold::Leave) => handle.open(false),
                Ok(CellTold::Certificates(pems)) => {
                    let _ = tls.map(|tls| tls.reload(&pems));
                }
                Ok(CellTold::Drain) | Err(_) => return,
            }
            line.clear();
        }
    }

    /// A node that does not listen is gone, and this process is about to be.
    fn say(&mut self, said: &CellSaid) {
        if let Ok(mut line) = serde_json::to_vec(said) {
            line.push(b'\n');
            let _ = self.to.write_all(&line);
        }
    }
}
