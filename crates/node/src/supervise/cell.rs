//! One cell: its sockets, its process, what it says.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::sync::Mutex;
use tombolo_listen::Passage;
use tombolo_sandbox::send_fds;
use tombolo_spec::{Name, Observed};

use super::children::{Running, Writer, channel, how, this_program};
use super::estate::{CellRelative, Descriptors, Relative};
use super::groups::Group;
use super::node::Node;
use crate::audit::AuditEvent;
use crate::observe;
use crate::reconcile::{CellId, Event, Exit};
use crate::wire::{CELL_COMMAND, CellFunction, CellOrder, CellSaid, CellTold};

/// Variables that say where this machine's certificates are: whom outgoing TLS trusts.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// A cell that runs.
#[derive(Debug)]
pub(super) struct CellProcess {
    pub(super) pid: u32,
    pub(super) tenant: Name,
    pub(super) sockets: Sockets,
    /// By which the gateway reaches it.
    pub(super) passage: Passage,
    pub(super) layers: RefCell<serde_json::Value>,
    group: Group,
    /// Its functions, as `app/function`: what it says of others is not listened to.
    functions: BTreeSet<String>,
    /// Requests that failed, of each of its apps that had none that succeeded.
    pub(super) failures: RefCell<BTreeMap<String, Option<u32>>>,
    failed: RefCell<Option<(Option<String>, String)>>,
    is_draining: Cell<bool>,
    /// Its socket to the node, and what it writes into, for the program after this one.
    channel: OwnedFd,
    log: OwnedFd,
    orders: Mutex<Writer>,
}

/// Where a cell listens for the node.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) control: PathBuf,
    pub(super) admin: PathBuf,
}

impl Sockets {
    fn new(folder: &Path, cell: CellId) -> Sockets {
        Sockets {
            control: folder.join(format!("{cell}.control")),
            admin: folder.join(format!("{cell}.admin")),
        }
    }

    fn bind(&self) -> io::Result<Vec<OwnedFd>> {
        [&self.control, &self.admin]
            .into_iter()
            .map(|path| {
                let _ = std::fs::remove_file(path);
                let listener = UnixListener::bind(path);
                let listener = listener
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
                listener.set_nonblocking(true)?;
                Ok(OwnedFd::from(listener))
            })
            .collect()
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for path in [&self.control, &self.admin] {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl CellProcess {
    /// Starts a cell's process; what it says comes as events.
    pub(super) fn start(
        node: &Rc<Node>,
        cell: CellId,
        tenant: &Name,
        order: &CellOrder,
    ) -> io::Result<Rc<CellProcess>> {
        let sockets = Sockets::new(&node.options.dirs.cells(), cell);
        let (passage, requests) = Passage::new()?;
        let listeners: Vec<_> = std::iter::once(requests).chain(sockets.bind()?).collect();
        let (ours, theirs) = channel()?;
        let mut command = this_program(CELL_COMMAND);
        command.stdin(theirs).stdout(Stdio::null()).stderr(Stdio::piped());
        command.envs(CERTIFICATES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        let group = node.groups.cell(cell);
        let (running, streams) = node.children.start_in(group.cgroup.as_ref(), command)?;
        // Theirs must be closed here, or the end of the cell would not end the socket.
        let broker = node.egress.join(cell, tenant, order)?;
        let given: Vec<_> = listeners.iter().chain(&broker).map(AsFd::as_fd).collect();
        let handed: Vec<_> = node.own_listeners(tenant).map(|(_, listener)| listener.descriptors()).collect();
        for (sockets, left) in std::iter::once(&given).chain(&handed).zip((0..=handed.len()).rev()) {
            send_fds(&ours, &[u8::try_from(left).unwrap_or(u8::MAX)], sockets)?;
        }
        let text = serde_json::to_string(order).map_err(io::Error::from)?;
        ours.set_nonblocking(true)?;
        let log = streams.stderr.ok_or(io::ErrorKind::BrokenPipe)?;
        let lines = tokio::net::unix::pipe::Receiver::from_owned_fd(log.try_clone()?)?;
        let channel = OwnedFd::from(ours.try_clone()?);
        let (said, orders) = tokio::net::UnixStream::from_std(ours)?.into_split();
        let process = Rc::new(CellProcess {
            pid: running.pid,
            tenant: tenant.clone(),
            sockets,
            passage,
            layers: RefCell::default(),
            group,
            functions: order.functions.iter().map(CellFunction::full_name).collect(),
            failures: RefCell::new(
                order.functions.iter().map(|function| (function.app.clone(), Some(0))).collect(),
            ),
            failed: RefCell::default(),
            is_draining: Cell::new(false),
            channel,
            log,
            orders: Mutex::new(Writer::new(orders)),
        });
        tokio::task::spawn_local(Rc::clone(&process).read_log(Rc::clone(node), cell, lines));
        process.say(text);
        tokio::task::spawn_local(Rc::clone(&process).listen(Rc::clone(node), cell, said, running));
        Ok(process)
    }

    /// What its functions did since it started.
    pub(super) async fn observed(&self) -> Vec<Observed> {
        let mut all = observe::ask(&self.sockets.admin).await;
        all.retain(|observed| self.functions.contains(&observed.function));
        all
    }

    /// What the program after this one needs, to let it go.
    pub(super) fn leave(&self, cell: CellId, descriptors: &mut Descriptors) -> io::Result<CellRelative> {
        let process = Relative { pid: self.pid, channel: descriptors.add(&self.channel)? };
        let log = descriptors.add(&self.log)?;
        Ok(CellRelative { cell: cell.0, tenant: self.tenant.clone(), process, log })
    }

    /// Asks it to answer what has begun and end.
    pub(super) fn drain(self: &Rc<Self>) {
        self.is_draining.set(true);
        self.tell(&CellTold::Drain);
    }

    /// Tells it something.
    pub(super) fn tell(self: &Rc<Self>, told: &CellTold) {
        if let Ok(line) = serde_json::to_string(told) {
            self.say(line);
        }
    }

    /// Lines leave one after the other. A cell that does not listen is about to be gone, which is heard of otherwise.
    fn say(self: &Rc<Self>, mut line: String) {
        let process = Rc::clone(self);
        line.push('\n');
        tokio::task::spawn_local(async move {
            let _ = process.orders.lock().await.write(line.as_bytes(), &[]).await;
        });
    }

    /// Hears what it says, until its end.
    async fn listen(
        self: Rc<Self>,
        node: Rc<Node>,
        cell: CellId,
        said: tokio::net::unix::OwnedReadHalf,
        running: Running,
    ) {
        let mut lines = BufReader::new(said.take(1 << 20)).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(CellSaid::Ready { mut layers }) => {
                    self.group.note(&mut layers);
                    self.layers.replace(layers);
                    node.tell(Event::Ready { cell });
                }
                Ok(CellSaid::Failed { app, reason }) => drop(self.failed.replace(Some((app, reason)))),
                // A cell that was taken over may say anything; it gains nothing by it.
                Err(_) => {}
            }
        }
        let status = running.ended.await.map_or_else(|_| "it is gone".to_owned(), how);
        let status = self.group.took_too_much().unwrap_or(status);
        let (culprit, reason) = self.failed.take().unwrap_or((None, status));
        node.logs.borrow_mut().add(&self.tenant, &format!("cell {cell}: {reason}"));
        if !self.is_draining.get() && !node.is_ending() {
            let ended = AuditEvent::new("ended", &self.tenant);
            node.record_event(AuditEvent { reason: Some(format!("cell {cell}: {reason}")), ..ended });
        }
        node.forget_cell(cell);
        let culprit = culprit.and_then(|app| app.parse().ok());
        node.tell(Event::Exited { cell, exit: Exit { culprit, reason } });
    }
}
