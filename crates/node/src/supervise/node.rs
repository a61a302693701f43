//! The node: one task owns its state, everything else tells it what happened.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::{Notify, Semaphore, watch};
use tombolo_listen::Listener;
use tombolo_spec::{Ceiling, Isolation, Name, Observed};

use super::before::Before;
use super::calls::Calls;
use super::cell::CellProcess;
use super::children::Children;
use super::egress::Egress;
use super::gateway::Gateway;
use super::groups::Groups;
use super::sockets::Named;
use crate::audit::{Audit, AuditEvent, Recorded};
use crate::ceilings::MachineCeiling;
use crate::certificates::Certificates;
use crate::db::{Db, Release};
use crate::dirs::Dirs;
use crate::disk::Artifacts;
use crate::logs::Logs;
use crate::observe::Past;
use crate::public::Public;
use crate::reconcile::{AppId, CellId, Event, Policy, Revision, State, Time, step};
use crate::release::{Checked, check};

/// How a node runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it keeps things.
    pub dirs: Dirs,
    /// Where the gateway listens for anybody.
    pub listen: Vec<Public>,
    /// Where the API is asked with tokens, if anywhere.
    pub api: Option<SocketAddr>,
    /// Where the page is, if anywhere. Who reaches a loopback address may look without a token.
    pub admin: Option<SocketAddr>,
    /// Threads of the gateway, and of each cell.
    pub workers: usize,
    /// Memory that the running instances of one cell may take together.
    pub cell_memory_bytes: u64,
    /// Bounds of time and number.
    pub policy: Policy,
    /// What runs as this node.
    pub program: Program,
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where its file was when it started; there may be another one by now.
    pub path: PathBuf,
    /// After its name.
    pub arguments: Vec<OsString>,
}

/// Verifications at the same time; each may compile.
const VERIFY_MAX: usize = 2;

/// A node that runs.
#[derive(Debug)]
pub struct Node {
    pub(crate) options: Options,
    pub(crate) db: RefCell<Db>,
    pub(crate) artifacts: Artifacts,
    pub(crate) ceiling: MachineCeiling,
    pub(crate) logs: RefCell<Logs>,
    pub(crate) audit: Audit,
    /// What cells observed that are gone.
    pub(crate) past: Past,
    /// The public addresses in use, for people.
    pub(crate) addresses: Vec<String>,
    pub(super) public: Vec<(Public, Listener)>,
    /// All listening sockets, and the lock of the state folder, for the program after this one.
    pub(super) sockets: Named<OwnedFd>,
    pub(super) lock: OwnedFd,
    pub(crate) before: Before,
    /// The program that is to take this one's place. Who listens wants to be heard out before.
    pub(super) successor: watch::Sender<Option<PathBuf>>,
    /// Those in use.
    pub(super) certificates: RefCell<Certificates>,
    /// Grows with each event: who waits for something looks again.
    pub(crate) changed: watch::Sender<u64>,
    pub(super) state: RefCell<State>,
    pub(super) children: Children,
    pub(crate) groups: Groups,
    pub(super) cells: RefCell<BTreeMap<CellId, Rc<CellProcess>>>,
    pub(super) gateway: RefCell<Option<Gateway>>,
    pub(super) egress: Egress,
    pub(super) calls: Calls,
    pub(super) classes: RefCell<BTreeMap<(AppId, Revision), Vec<String>>>,
    pub(super) verify_places: Semaphore,
    pub(super) timer: Notify,
    events: RefCell<VecDeque<Event>>,
    is_stepping: Cell<bool>,
    is_ending: Cell<bool>,
    start: Instant,
}

/// What a node is made from.
pub(super) struct Parts {
    pub(super) db: Db,
    pub(super) artifacts: Artifacts,
    pub(super) ceiling: MachineCeiling,
    pub(super) certificates: Certificates,
    pub(super) state: State,
    pub(super) public: Vec<(Public, Listener)>,
    pub(super) sockets: Named<OwnedFd>,
    pub(super) lock: OwnedFd,
    pub(super) before: Before,
}

impl Node {
    /// # Errors
    /// When the process has no descriptors left.
    pub(super) fn new(options: Options, parts: Parts) -> io::Result<Rc<Node>> {
        let Parts { db, artifacts, ceiling, certificates, state, public, sockets, lock, before } = parts;
        let audit = Audit::new(options.dirs.audit());
        Ok(Rc::new(Node {
            groups: Groups::new(&options),
            options,
            db: RefCell::new(db),
            artifacts,
            ceiling,
            logs: RefCell::default(),
            audit,
            past: Past::default(),
            addresses: public.iter().map(|(public, listener)| public.at(listener)).collect(),
            public,
            sockets,
            lock,
            before,
            successor: watch::Sender::new(None),
            certificates: RefCell::new(certificates),
            changed: watch::Sender::new(0),
            state: RefCell::new(state),
            children: Children::default(),
            cells: RefCell::default(),
            gateway: RefCell::default(),
            egress: Egress::default(),
            calls: Calls::new()?,
            classes: RefCell::default(),
            verify_places: Semaphore::new(VERIFY_MAX),
            timer: Notify::new(),
            events: RefCell::default(),
            is_stepping: Cell::new(false),
            is_ending: Cell::new(false),
            start: Instant::now(),
        }))
    }

    /// Takes in an event and does what follows. What is told on the way comes after.
    pub(crate) fn tell(self: &Rc<Self>, event: Event) {
        self.events.borrow_mut().push_back(event);
        if self.is_stepping.replace(true) {
            return;
        }
        while let Some(event) = self.next_event() {
            let state = self.state.borrow().clone();
            let (state, actions) = step(state, event, self.now());
            self.state.replace(state);
            actions.into_iter().for_each(|action| self.act(action));
        }
        self.is_stepping.set(false);
        self.look_again();
        self.timer.notify_one();
    }

    fn next_event(&self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    /// Milliseconds since the node started.
    pub(super) fn now(&self) -> Time {
        Time::default().after(self.start.elapsed())
    }

    /// Reads the state.
    pub(crate) fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.borrow())
    }

    /// A release of an app, checked against today's ceilings.
    pub(crate) fn checked(&self, app: &AppId, revision: Revision) -> Result<(Release, Checked), String> {
        let release = self.db.borrow().release(app, revision).map_err(|error| error.to_string())?;
        let checked = self.check(&app.tenant, &release)?;
        Ok((release, checked))
    }

    /// With whom a revision shares a cell.
    pub(crate) fn isolation(&self, app: &AppId, revision: Revision) -> Isolation {
        self.db
            .borrow()
            .release(app, revision)
            .map_or_else(|_| Isolation::default(), |release| release.isolation())
    }

    /// Checks a release against today's ceilings.
    pub(crate) fn check(&self, tenant: &Name, release: &Release) -> Result<Checked, String> {
        check(release, &self.ceiling, self.tenant_ceiling(tenant)?.as_ref())
    }

    /// The ceiling of a tenant that has one of its own.
    pub(crate) fn tenant_ceiling(&self, tenant: &Name) -> Result<Option<Ceiling>, String> {
        let text = self.db.borrow().ceiling(tenant).map_err(|error| error.to_string())?;
        let ceiling = text.map(|text| Ceiling::parse(&text, "ceiling.toml")).transpose();
        ceiling.map_err(|problems| format!("the tenant's ceiling: {problems}"))
    }

    /// Remembers what a verified revision needs, and forgets what those of the app needed that are not asked for any more.
    pub(super) fn keep_classes(&self, app: &AppId, revision: Revision, classes: Vec<String>) {
        let mut all = self.classes.borrow_mut();
        let is_needed = |revision| self.with_state(|state| state.is_checked(app, revision));
        all.retain(|(other, old), _| other != app || is_needed(*old));
        all.insert((app.clone(), revision), classes);
    }

    pub(super) fn is_on_trial(&self, tenant: &Name, app: &str) -> bool {
        let app = app.parse().map(|app| AppId { tenant: tenant.clone(), app });
        app.is_ok_and(|app| self.with_state(|state| state.is_on_trial(&app)))
    }

    pub(super) fn forget_cell(&self, cell: CellId) {
        self.cells.borrow_mut().remove(&cell);
        self.gateway.borrow().iter().for_each(|gateway| gateway.forget(cell.0));
        self.egress.leave(cell);
    }

    pub(super) fn begin_to_end(&self) {
        self.is_ending.set(true);
        self.look_again();
    }

    /// Lets all who wait for something look again.
    pub(super) fn look_again(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    /// Waits for something that comes with an event.
    pub(super) async fn until(&self, is: impl Fn() -> bool) {
        let mut changed = self.changed.subscribe();
        while !is() && changed.changed().await.is_ok() {}
    }

    /// Told when this program is to go. Whoever holds it is waited for, within bounds.
    pub(crate) fn leaving(&self) -> watch::Receiver<Option<PathBuf>> {
        self.successor.subscribe()
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    /// The control socket of the cell that serves an app.
    pub(crate) fn control_socket(&self, app: &AppId) -> Option<PathBuf> {
        let cell = self.with_state(|state| state.routed(app))?;
        Some(self.cells.borrow().get(&cell)?.sockets.control.clone())
    }

    /// The cells that serve a tenant.
    fn serving(&self, tenant: &Name) -> Vec<Rc<CellProcess>> {
        let serving = self.with_state(|state| state.routed_cells(tenant));
        let cells = self.cells.borrow();
        serving.iter().filter_map(|cell| cells.get(cell).cloned()).collect()
    }

    /// The processes of the cells that serve a tenant.
    pub(crate) fn cell_pids(&self, tenant: &Name) -> Vec<u32> {
        self.serving(tenant).iter().map(|cell| cell.pid).collect()
    }

    /// What a tenant's functions did since the node started; nothing while none of its cells serves.
    pub(crate) async fn observed(&self, tenant: &Name) -> Vec<Observed> {
        let cells = self.serving(tenant);
        let mut now = Vec::new();
        for cell in &cells {
            now.extend(cell.observed().await);
        }
        if !cells.is_empty() {
            self.past.add_to(tenant, &mut now);
        }
        now
    }

    /// Writes an event down; its name, if it has one then.
    pub(crate) fn record_event(&self, event: AuditEvent) -> Option<String> {
        match self.audit.record(event) {
            Recorded::As(id) => Some(id),
            Recorded::Failing(error) => {
                self.say(&format!(
                    "the audit log in {} cannot be written: {error}; what happens until it can is not in it",
                    self.options.dirs.audit().display()
                ));
                None
            }
            Recorded::Missed | Recorded::StillFailing => None,
        }
    }

    /// The process of each cell, with its tenant and the kernel's walls around it.
    pub(crate) fn processes(&self) -> Vec<(CellId, u32, String, serde_json::Value)> {
        let cells = self.cells.borrow();
        let row = |(id, cell): (&CellId, &Rc<CellProcess>)| {
            (*id, cell.pid, cell.tenant.to_string(), cell.layers.borrow().clone())
        };
        cells.iter().map(row).collect()
    }

    /// The gateway's process, if it runs.
    pub(crate) fn gateway_pid(&self) -> Option<u32> {
        self.gateway.borrow().as_ref().map(|gateway| gateway.pid)
    }

    /// The kernel's walls around the gateway, as far as it has said.
    pub(crate) fn gateway_layers(&self) -> serde_json::Value {
        self.gateway.borrow().as_ref().map(|gateway| gateway.layers.borrow().clone()).unwrap_or_default()
    }

    /// The public listeners that are a tenant's alone.
    pub(super) fn own_listeners(&self, tenant: &Name) -> impl Iterator<Item = &(Public, Listener)> {
        self.public.iter().filter(move |(public, _)| public.tenant.as_ref() == Some(tenant))
    }

    /// Whether TLS is spoken anywhere.
    pub(super) fn speaks_tls(&self) -> bool {
        self.public.iter().any(|(public, _)| public.is_tls)
    }

    /// The process that makes connections for cells, if it runs.
    pub(crate) fn egress_pid(&self) -> Option<u32> {
        self.egress.process().map(|(pid, _)| pid)
    }

    /// Says something to the operator.
    pub(crate) fn say(&self, text: &str) {
        use std::io::Write;
        // Nobody may be reading.
        let _ = writeln!(io::stderr(), "tombolo: {text}");
    }
}
