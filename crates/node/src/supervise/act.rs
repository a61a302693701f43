//! One action, one place.

use std::collections::BTreeMap;
use std::rc::Rc;

use tombolo_gateway::wire::{CellRoutes, Order, Table};
use tombolo_spec::Name;

use super::cell::CellProcess;
use super::node::Node;
use super::verify::verify;
use crate::audit::AuditEvent;
use crate::failpoint;
use crate::public::Public;
use crate::reconcile::{Action, AppId, CellId, Event, Exit, Record, Revision};
use crate::wire::{CellOrder, CellTold};

impl Node {
    pub(super) fn act(self: &Rc<Self>, action: Action) {
        match action {
            Action::Verify { app, revision } => {
                tokio::task::spawn_local(verify(Rc::clone(self), app, revision));
            }
            Action::Start { cell, tenant, plan } => self.start_cell(cell, &tenant, &plan),
            Action::Route { version, table } => self.route(version, &table),
            Action::Drain { cell } => {
                if let Some(process) = self.process(cell) {
                    tokio::task::spawn_local(drain(Rc::clone(self), process));
                }
            }
            Action::Kill { cell } => {
                if let Some(process) = self.process(cell) {
                    self.children.kill(process.pid);
                }
            }
            Action::Record(record) => self.record(record),
        }
    }

    fn process(&self, cell: CellId) -> Option<Rc<CellProcess>> {
        self.cells.borrow().get(&cell).cloned()
    }

    fn start_cell(self: &Rc<Self>, cell: CellId, tenant: &Name, plan: &BTreeMap<Name, Revision>) {
        failpoint("cell-wanted");
        let started = self.order(tenant, plan).and_then(|order| {
            CellProcess::start(self, cell, tenant, &order).map_err(|error| Exit {
                culprit: None,
                reason: format!("its cell cannot be started: {error}"),
            })
        });
        match started {
            Ok(process) => drop(self.cells.borrow_mut().insert(cell, process)),
            Err(exit) => {
                self.egress.leave(cell);
                self.tell(Event::Exited { cell, exit });
            }
        }
    }

    /// What a cell with this plan is told.
    fn order(&self, tenant: &Name, plan: &BTreeMap<Name, Revision>) -> Result<CellOrder, Exit> {
        let mut functions = Vec::new();
        for (name, revision) in plan {
            let app = AppId { tenant: tenant.clone(), app: name.clone() };
            let failed = |reason: String| Exit { culprit: Some(name.clone()), reason };
            let (release, checked) = self.checked(&app, *revision).map_err(failed)?;
            let classes = self.classes.borrow();
            let classes = classes.get(&(app, *revision));
            let classes = classes.ok_or_else(|| failed("it was not verified".to_owned()))?;
            functions.extend(checked.for_cell(*revision, &release, classes));
        }
        Ok(CellOrder {
            functions,
            compiled: self.options.dirs.compiled(),
            data: self.options.dirs.data(tenant),
            secrets: self.options.dirs.secrets(tenant),
            workers: self.options.workers,
            memory_bytes: self.options.cell_memory_bytes,
            handed: self.own_listeners(tenant).map(|(public, _)| public.is_tls).collect(),
            certificates: self.certificates.borrow().get(&Some(tenant.clone())).cloned().unwrap_or_default(),
            drain_ms: u64::try_from(self.options.policy.drain.as_millis()).unwrap_or(u64::MAX) / 3 * 2,
        })
    }

    /// What is served, and where: a tenant with a listener of its own and all its apps in one cell has it there.
    fn route(&self, version: u64, table: &BTreeMap<AppId, CellId>) {
        let sole = sole_cells(table);
        self.hand_listeners(&sole);
        let cells = table.iter().map(|(app, cell)| CellRoutes {
            cell: cell.0,
            owner: app.tenant.to_string(),
            app: app.app.to_string(),
            routes: self.routes(app, *cell),
        });
        let cells = cells.collect();
        let is_handed = |(public, _): &(Public, _)| {
            public.tenant.as_ref().is_some_and(|tenant| sole.contains_key(tenant))
        };
        let handed = self.public.iter().map(is_handed).collect();
        let table = Table { version, cells, handed };
        if let Some(gateway) = &*self.gateway.borrow() {
            for cell in &table.cells {
                let process = self.process(CellId(cell.cell));
                process.into_iter().for_each(|process| gateway.reach(cell.cell, &process.passage));
            }
            gateway.order(Order::Table(table));
            failpoint("routes-sent");
        }
    }

    /// A tenant's own listeners are its cell's: the next one enters before the one before leaves, and for a moment both
    /// accept from the same sockets.
    fn hand_listeners(&self, sole: &BTreeMap<&Name, CellId>) {
        let cells = self.cells.borrow();
        let handed = cells.iter().filter(|(_, cell)| self.own_listeners(&cell.tenant).next().is_some());
        let (enter, leave): (Vec<_>, Vec<_>) =
            handed.partition(|(id, cell)| sole.get(&cell.tenant) == Some(id));
        enter.iter().for_each(|(_, cell)| cell.tell(&CellTold::Enter));
        leave.iter().for_each(|(_, cell)| cell.tell(&CellTold::Leave));
    }

    /// The routes of the revision of an app that a cell has.
    fn routes(&self, app: &AppId, cell: CellId) -> Vec<String> {
        let revision = self.with_state(|state| state.cell(cell)?.plan.get(&app.app).copied());
        let checked = revision.and_then(|revision| self.checked(app, revision).ok());
        checked.iter().flat_map(|(_, checked)| checked.routes()).map(ToString::to_string).collect()
    }

    fn record(self: &Rc<Self>, record: Record) {
        failpoint("record-wanted");
        let recorded = self.db.borrow_mut().record(&record);
        failpoint("record-written");
        if recorded.is_ok() {
            self.record_event(came_of(&record));
        }
        match (&record, recorded) {
            (Record::Good { .. }, Ok(())) => {}
            (Record::Failed { app, revision, reason }, Ok(())) => {
                self.say(&format!("{app} revision {revision} failed: {reason}"));
            }
            (_, Err(error)) => {
                self.say(&format!("{error}; what was to be written is kept in memory and written later"));
                self.tell(Event::NotRecorded(record));
            }
        }
    }
}

/// The cells of tenants whose apps are all in one.
fn sole_cells(table: &BTreeMap<AppId, CellId>) -> BTreeMap<&Name, CellId> {
    let mut cells = BTreeMap::<&Name, Vec<CellId>>::new();
    table.iter().for_each(|(app, cell)| cells.entry(&app.tenant).or_default().push(*cell));
    let sole = |(tenant, cells): (_, Vec<CellId>)| {
        let first = *cells.first()?;
        cells.iter().all(|cell| *cell == first).then_some((tenant, first))
    };
    cells.into_iter().filter_map(sole).collect()
}

/// What the cell observed is kept before it goes.
async fn drain(node: Rc<Node>, process: Rc<CellProcess>) {
    let observed = process.observed().await;
    node.past.keep(&process.tenant, observed);
    process.drain();
}

/// What became of a revision, for the audit log.
fn came_of(record: &Record) -> AuditEvent {
    let (word, revision, reason) = match record {
        Record::Good { revision, .. } => ("serving", revision, None),
        Record::Failed { revision, reason, .. } => ("failed", revision, Some(reason.clone())),
    };
    let AppId { tenant, app } = record.app();
    AuditEvent {
        app: Some(app.to_string()),
        revision: Some(revision.0),
        reason,
        ..AuditEvent::new(word, tenant)
    }
}
