//! The node: one task owns its state, everything else tells it what happened.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::{Notify, Semaphore, watch};
use tombolo_listen::Listener;
use tombolo_spec::{Ceiling, Name};

use super::cell::CellProcess;
use super::children::Children;
use super::egress::Egress;
use super::gateway::Gateway;
use crate::ceilings::MachineCeiling;
use crate::certificates::Certificates;
use crate::db::{Db, Release};
use crate::dirs::Dirs;
use crate::disk::Artifacts;
use crate::logs::Logs;
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
    /// Threads of the gateway, and of each cell.
    pub workers: usize,
    /// Memory that the running instances of one cell may take together.
    pub cell_memory_bytes: u64,
    /// Bounds of time and number.
    pub policy: Policy,
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
    /// The public addresses in use, for people.
    pub(crate) addresses: Vec<String>,
    pub(super) public: Vec<(Public, Listener)>,
    /// Those in use.
    pub(super) certificates: RefCell<Certificates>,
    /// Grows with each event: who waits for something looks again.
    pub(crate) changed: watch::Sender<u64>,
    pub(super) state: RefCell<State>,
    pub(super) children: Children,
    pub(super) cells: RefCell<BTreeMap<CellId, Rc<CellProcess>>>,
    pub(super) gateway: RefCell<Option<Gateway>>,
    pub(super) egress: Egress,
    pub(super) classes: RefCell<BTreeMap<(AppId, Revision), Vec<String>>>,
    pub(super) verify_places: Semaphore,
    pub(super) timer: Notify,
    events: RefCell<VecDeque<Event>>,
    is_stepping: Cell<bool>,
    is_ending: Cell<bool>,
    start: Instant,
}

impl Node {
    pub(super) fn new(
        options: Options,
        db: Db,
        artifacts: Artifacts,
        ceiling: MachineCeiling,
        public: Vec<(Public, Listener)>,
        certificates: Certificates,
        state: State,
    ) -> Rc<Node> {
        Rc::new(Node {
            options,
            db: RefCell::new(db),
            artifacts,
            ceiling,
            logs: RefCell::default(),
            addresses: public.iter().map(|(public, listener)| public.at(listener)).collect(),
            public,
            certificates: RefCell::new(certificates),
            changed: watch::Sender::new(0),
            state: RefCell::new(state),
            children: Children::default(),
            cells: RefCell::default(),
            gateway: RefCell::default(),
            egress: Egress::default(),
            classes: RefCell::default(),
            verify_places: Semaphore::new(VERIFY_MAX),
            timer: Notify::new(),
            events: RefCell::default(),
            is_stepping: Cell::new(false),
            is_ending: Cell::new(false),
            start: Instant::now(),
        })
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
        self.changed.send_modify(|version| *version += 1);
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

    /// Checks a release against today's ceilings.
    pub(crate) fn check(&self, tenant: &Name, release: &Release) -> Result<Checked, String> {
        let text = self.db.borrow().ceiling(tenant).map_err(|error| error.to_string())?;
        let ceiling = text.map(|text| Ceiling::parse(&text, "ceiling.toml")).transpose();
        let ceiling = ceiling.map_err(|problems| format!("the tenant's ceiling: {problems}"))?;
        check(release, &self.ceiling, ceiling.as_ref())
    }

    pub(super) fn keep_classes(&self, app: &AppId, revision: Revision, classes: Vec<String>) {
        self.classes.borrow_mut().insert((app.clone(), revision), classes);
    }

    pub(super) fn is_on_trial(&self, tenant: &Name, app: &str) -> bool {
        let state = self.state.borrow();
        state.tenants.get(tenant).and_then(|tenant| tenant.on_trial()).is_some_and(|tried| &**tried == app)
    }

    pub(super) fn forget_cell(&self, cell: CellId) {
        self.cells.borrow_mut().remove(&cell);
        self.egress.leave(cell);
    }

    pub(super) fn begin_to_end(&self) {
        self.is_ending.set(true);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    /// The control socket and the socket for metrics of the cell that serves a tenant.
    pub(crate) fn sockets(&self, tenant: &Name) -> Option<(std::path::PathBuf, std::path::PathBuf)> {
        let cell = self.state.borrow().tenants.get(tenant)?.routed()?;
        let cells = self.cells.borrow();
        let sockets = &cells.get(&cell)?.sockets;
        Some((sockets.control.clone(), sockets.admin.clone()))
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
        self.egress.pid()
    }

    /// Says something to the operator.
    pub(crate) fn say(&self, text: &str) {
        use std::io::Write;
        // Nobody may be reading.
        let _ = writeln!(std::io::stderr(), "tombolo: {text}");
    }
}
