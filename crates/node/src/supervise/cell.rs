//! One cell: its sockets, its process, what it says.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Mutex;
use tombolo_listen::Passage;
use tombolo_sandbox::send_fds;
use tombolo_spec::Name;

use super::children::{Running, channel, how, this_program};
use super::groups::Group;
use super::node::Node;
use crate::audit::AuditEvent;
use crate::logs::{LINE_BYTES_MAX, app_of};
use crate::reconcile::{CellId, Event, Exit};
use crate::wire::{CELL_COMMAND, CellOrder, CellSaid, CellTold};

/// Requests of an app that never served may fail so often, with none that succeeds, before it is taken back.
const FAILURES_MAX: u32 = 3;
/// What a cell logs when a request failed by the app's own fault.
const FAILURES: [&str; 3] = ["\"refusal\":\"trap\"", "\"refusal\":\"limit\"", "\"refusal\":\"guest-http\""];

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
    /// Requests that failed, of each app that had none that succeeded.
    failures: RefCell<BTreeMap<String, Option<u32>>>,
    failed: RefCell<Option<(Option<String>, String)>>,
    is_draining: Cell<bool>,
    orders: Mutex<OwnedWriteHalf>,
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
        let order = serde_json::to_string(order).map_err(io::Error::from)?;
        ours.set_nonblocking(true)?;
        let (said, orders) = tokio::net::UnixStream::from_std(ours)?.into_split();
        let process = Rc::new(CellProcess {
            pid: running.pid,
            tenant: tenant.clone(),
            sockets,
            passage,
            layers: RefCell::default(),
            group,
            failures: RefCell::default(),
            failed: RefCell::default(),
            is_draining: Cell::new(false),
            orders: Mutex::new(orders),
        });
        if let Some(log) = streams.stderr {
            let log = tokio::net::unix::pipe::Receiver::from_owned_fd(log)?;
            tokio::task::spawn_local(Rc::clone(&process).read_log(Rc::clone(node), cell, log));
        }
        process.say(order);
        tokio::task::spawn_local(Rc::clone(&process).listen(Rc::clone(node), cell, said, running));
        Ok(process)
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
            let _ = process.orders.lock().await.write_all(line.as_bytes()).await;
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

    async fn read_log(self: Rc<Self>, node: Rc<Node>, cell: CellId, log: tokio::net::unix::pipe::Receiver) {
        let mut log = BufReader::new(log);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut log).take(LINE_BYTES_MAX as u64);
            match bounded.read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            match AuditEvent::refused(&self.tenant, text).and_then(|refused| node.record_event(refused)) {
                Some(id) => node.logs.borrow_mut().add(&self.tenant, &named(text, &id)),
                None => node.logs.borrow_mut().add(&self.tenant, text),
            }
            if let Some((app, reason)) = self.judge(text)
                && node.is_on_trial(&self.tenant, app)
            {
                node.tell(Event::Unwell { cell, reason });
            }
        }
    }

    /// Whether a line shows that an app answers nobody.
    fn judge<'l>(&self, line: &'l str) -> Option<(&'l str, String)> {
        if !line.contains("\"event\":\"request\"") {
            return None;
        }
        let app = app_of(line)?;
        let mut failures = self.failures.borrow_mut();
        let count = failures.entry(app.to_owned()).or_insert(Some(0));
        if !FAILURES.iter().any(|failure| line.contains(failure)) {
            *count = None;
            return None;
        }
        let count = count.as_mut()?;
        *count += 1;
        (*count >= FAILURES_MAX).then(|| (app, format!("its first {count} requests all failed; see the log")))
    }
}

/// A line of a cell's log with the name under which its event can be explained.
fn named(line: &str, id: &str) -> String {
    match line.strip_prefix('{') {
        Some(rest) => format!("{{\"id\":\"{id}\",{rest}"),
        None => line.to_owned(),
    }
}
