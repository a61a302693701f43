//! One action, one place.

use std::collections::BTreeMap;
use std::rc::Rc;

use tombolo_gateway::wire::{CellRoutes, Order, Table};
use tombolo_spec::Name;

use super::cell::CellProcess;
use super::node::Node;
use super::verify::verify;
use crate::audit::AuditEvent;
use crate::observe;
use crate::reconcile::{Action, AppId, CellId, Event, Exit, Record, Revision};
use crate::wire::CellOrder;

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
            drain_ms: u64::try_from(self.options.policy.drain.as_millis()).unwrap_or(u64::MAX) / 3 * 2,
        })
    }

    fn route(&self, version: u64, table: &BTreeMap<Name, CellId>) {
        let cells = table
            .iter()
            .map(|(tenant, cell)| CellRoutes { cell: cell.0, routes: self.routes(tenant, *cell) });
        let table = Table { version, cells: cells.collect() };
        if let Some(gateway) = &*self.gateway.borrow() {
            // A gateway that is gone is started again, and asks again.
            let _ = gateway.orders.send(Order::Table(table));
        }
    }

    fn routes(&self, tenant: &Name, cell: CellId) -> Vec<String> {
        let state = self.state.borrow();
        let plan =
            state.tenants.get(tenant).and_then(|tenant| tenant.cells.get(&cell)).map(|cell| &cell.plan);
        let mut lines = Vec::new();
        for (name, revision) in plan.into_iter().flatten() {
            let app = AppId { tenant: tenant.clone(), app: name.clone() };
            if let Ok((_, checked)) = self.checked(&app, *revision) {
                lines.extend(checked.routes().map(ToString::to_string));
            }
        }
        lines
    }

    fn record(self: &Rc<Self>, record: Record) {
        let recorded = self.db.borrow_mut().record(&record);
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

/// What the cell observed is kept before it goes.
async fn drain(node: Rc<Node>, process: Rc<CellProcess>) {
    let observed = observe::ask(&process.sockets.admin).await;
    node.past.keep(&process.tenant, observed);
    process.drain().await;
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
