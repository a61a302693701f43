//! All that the reconciler knows.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use tombolo_spec::Name;

use super::app::Check;
use super::routes::Routes;
use super::settle::Context;
use super::{Action, App, AppId, Event, Record, Revision, Tenant, Time};

/// Bounds of time and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a cell may take to be ready.
    pub start: Duration,
    /// How long what never served is on trial.
    pub trial: Duration,
    /// How long a cell may take to answer what has begun, before it is killed.
    pub drain: Duration,
    /// How long a check of artifacts may take, compiling included.
    pub verify: Duration,
    /// How long after a start the apps of a tenant are waited for, to come back together.
    pub gather: Duration,
    /// After what time a question is asked again that usually is answered at once.
    pub ask_again: Duration,
    /// Cells that may be starting at the same time.
    pub starting_max: usize,
}

impl Default for Policy {
    fn default() -> Policy {
        let seconds = Duration::from_secs;
        Policy {
            start: seconds(30),
            trial: seconds(1),
            drain: seconds(15),
            verify: seconds(300),
            gather: seconds(10),
            ask_again: seconds(5),
            starting_max: 4,
        }
    }
}

/// What is wanted, and what is known of the processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(super) policy: Policy,
    pub(super) now: Time,
    /// When deadlines were looked at last.
    pub(super) ticked: Time,
    pub(super) next_cell: u64,
    pub(super) routes: Routes,
    /// What could not be written down so far, and when to try again.
    pub(super) unrecorded: Vec<Record>,
    pub(super) record_again: Time,
    /// Tenants that have apps or cells.
    pub tenants: BTreeMap<Name, Tenant>,
}

impl State {
    /// A node that has just started, with the apps that its disk knows.
    pub fn new(policy: Policy, apps: impl IntoIterator<Item = (AppId, App)>) -> State {
        let mut tenants = BTreeMap::<Name, Tenant>::new();
        for (id, app) in apps {
            tenants.entry(id.tenant).or_default().apps.insert(id.app, app);
        }
        State {
            policy,
            now: Time::default(),
            ticked: Time::default(),
            next_cell: 1,
            routes: Routes::default(),
            unrecorded: Vec::new(),
            record_again: Time::default(),
            tenants,
        }
    }

    /// An app.
    pub fn app(&self, id: &AppId) -> Option<&App> {
        self.tenants.get(&id.tenant)?.apps.get(&id.app)
    }

    /// When [`Event::Tick`] is due; never, if nothing is under way.
    pub fn wake(&self) -> Option<Time> {
        let tenants = self.tenants.values().flat_map(|tenant| tenant.wake(&self.policy));
        let routes = self.routes.wake(&self.policy);
        let records = (!self.unrecorded.is_empty()).then_some(self.record_again);
        tenants.chain(routes).chain(records).filter(|time| *time > self.ticked).min()
    }

    pub(super) fn context<'a>(&'a mut self, actions: &'a mut Vec<Action>) -> Context<'a> {
        Context {
            now: self.now,
            policy: &self.policy,
            next_version: self.routes.version + 1,
            next_cell: &mut self.next_cell,
            places: 0,
            actions,
        }
    }

    pub(super) fn take_in(&mut self, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Deploy { app, revision } => self.deploy(app, revision),
            Event::Remove { app } => {
                self.unrecorded.retain(|record| record.app() != &app);
                if let Some(tenant) = self.tenants.get_mut(&app.tenant) {
                    tenant.apps.remove(&app.app);
                }
            }
            Event::Verified { app, revision, outcome } => {
                self.with_tenant(&app.tenant, actions, |tenant, name, context| {
                    let Some(own) = tenant.apps.get_mut(&app.app) else { return };
                    if own.is_fit(revision) {
                        // A second answer, to a question that was asked twice.
                        return;
                    }
                    match outcome {
                        Ok(()) => drop(own.checks.insert(revision, Check::Fit)),
                        Err(unfit) => {
                            if own.unfit(revision, unfit.permanent, context.now) {
                                tenant.give_up(name, &app.app, revision, unfit.reason, context);
                            }
                        }
                    }
                });
            }
            Event::Ready { cell } | Event::Unwell { cell, .. } | Event::Exited { cell, .. } => {
                let owner = self.tenants.iter().find(|(_, tenant)| tenant.cells.contains_key(&cell));
                if let Some(owner) = owner.map(|(name, _)| name.clone()) {
                    self.with_tenant(&owner, actions, |tenant, name, context| {
                        tenant.about_cell(name, &event, context);
                    });
                }
            }
            Event::GatewayStarted => self.routes.forget_gateway(),
            Event::Routed { version } => self.routed(version, actions),
            Event::NotRecorded(record) => {
                self.unrecorded.push(record);
                self.record_again = self.now.after(self.policy.ask_again);
            }
            Event::Tick => {}
        }
    }

    fn deploy(&mut self, id: AppId, revision: Revision) {
        let tenant = self.tenants.entry(id.tenant).or_default();
        let app = tenant.apps.entry(id.app).or_insert_with(|| App::new(revision, None, BTreeMap::new()));
        app.wanted = revision;
        app.failed.remove(&revision);
        if app.checks.get(&revision) != Some(&Check::Fit) {
            app.checks.remove(&revision);
        }
    }

    pub(super) fn with_tenant(
        &mut self,
        name: &Name,
        actions: &mut Vec<Action>,
        act: impl FnOnce(&mut Tenant, &Name, &mut Context<'_>),
    ) {
        if let Some(mut tenant) = self.tenants.remove(name) {
            act(&mut tenant, name, &mut self.context(actions));
            self.tenants.insert(name.clone(), tenant);
        }
    }

    /// Tries again to write down what could not be written.
    pub(super) fn settle_records(&mut self, actions: &mut Vec<Action>) {
        if self.record_again <= self.now {
            let records = mem::take(&mut self.unrecorded);
            actions.extend(records.into_iter().filter(|record| self.is_true(record)).map(Action::Record));
        }
    }

    /// False for what has become otherwise since: it must not be written over what is newer.
    fn is_true(&self, record: &Record) -> bool {
        self.app(record.app()).is_some_and(|app| match record {
            Record::Good { revision, .. } => app.good == Some(*revision),
            Record::Failed { revision, .. } => app.failed.contains_key(revision),
        })
    }
}

impl Record {
    /// The app that it is about.
    pub fn app(&self) -> &AppId {
        match self {
            Record::Good { app, .. } | Record::Failed { app, .. } => app,
        }
    }
}
