//! All that the reconciler knows.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use tombolo_spec::{Isolation, Name};

use super::app::Check;
use super::routes::Routes;
use super::settle::Context;
use super::{Action, App, AppId, Cell, CellId, Event, Home, HomeId, Record, Revision, Time};

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
    /// Those that have apps or cells. An app has one.
    pub homes: BTreeMap<HomeId, Home>,
}

impl State {
    /// A node that has just started, with the apps that its disk knows.
    pub fn new(policy: Policy, apps: impl IntoIterator<Item = (AppId, Isolation, App)>) -> State {
        let mut homes = BTreeMap::<HomeId, Home>::new();
        for (id, isolation, app) in apps {
            homes.entry(HomeId::of(&id, isolation)).or_default().apps.insert(id.app, app);
        }
        State {
            policy,
            now: Time::default(),
            ticked: Time::default(),
            next_cell: 1,
            routes: Routes::default(),
            unrecorded: Vec::new(),
            record_again: Time::default(),
            homes,
        }
    }

    /// The same with cells numbered from here on: the program before this one has used the numbers below.
    #[must_use]
    pub fn numbered_from(self, next_cell: u64) -> State {
        State { next_cell: next_cell.max(1), ..self }
    }

    /// A number that no cell has had.
    pub fn next_cell(&self) -> u64 {
        self.next_cell
    }

    /// Whether each app has a cell that is ready for requests, or has shown why not.
    pub fn is_prepared(&self) -> bool {
        self.homes.values().all(Home::is_prepared)
    }

    /// Whether the gateway has confirmed the table as it should be.
    pub fn is_routed(&self) -> bool {
        self.routes.is_confirmed()
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = (AppId, &App)> {
        self.homes.iter().flat_map(|(id, home)| home.apps.iter().map(|(name, app)| (id.app_id(name), app)))
    }

    /// Those who have apps or cells.
    pub fn tenants(&self) -> Vec<Name> {
        let mut names: Vec<_> = self.homes.keys().map(|id| id.tenant.clone()).collect();
        names.dedup();
        names
    }

    /// The cells that the gateway is to send a tenant's requests to.
    pub fn routed_cells(&self, tenant: &Name) -> Vec<CellId> {
        self.homes_of(tenant).filter_map(|(_, home)| home.routed()).collect()
    }

    /// An app.
    pub fn app(&self, id: &AppId) -> Option<&App> {
        self.home_of(id)?.apps.get(&id.app)
    }

    /// The revision of an app that requests reach now.
    pub fn serving(&self, id: &AppId) -> Option<Revision> {
        let serves = |home: &Home| home.serving(&id.app);
        self.home_of(id)
            .and_then(serves)
            .or_else(|| self.homes_of(&id.tenant).find_map(|(_, home)| serves(home)))
    }

    /// Why an app whose revision is good does not serve now.
    pub fn trouble(&self, id: &AppId) -> Option<&str> {
        self.home_of(id)?.trouble(&id.app)
    }

    /// Whether a revision of this app is being tried.
    pub fn is_on_trial(&self, id: &AppId) -> bool {
        self.home_of(id).is_some_and(|home| home.on_trial() == Some(&id.app))
    }

    /// Whether it is known, or being found out, that a revision of this app can serve.
    pub fn is_checked(&self, id: &AppId, revision: Revision) -> bool {
        let mut apps = self.homes_of(&id.tenant).filter_map(|(_, home)| home.apps.get(&id.app));
        apps.any(|app| app.checks.contains_key(&revision))
    }

    /// The cell that the gateway is to send an app's requests to.
    pub fn routed(&self, id: &AppId) -> Option<CellId> {
        self.routes.cell(id)
    }

    /// What is known of a cell.
    pub fn cell(&self, cell: CellId) -> Option<&Cell> {
        self.cells().find(|(id, _)| *id == cell).map(|(_, cell)| cell)
    }

    /// All cells.
    pub fn cells(&self) -> impl Iterator<Item = (CellId, &Cell)> {
        self.homes.values().flat_map(|home| home.cells.iter().map(|(id, cell)| (*id, cell)))
    }

    /// Where an app is.
    pub(super) fn home_of(&self, app: &AppId) -> Option<&Home> {
        self.homes_of(&app.tenant).map(|(_, home)| home).find(|home| home.apps.contains_key(&app.app))
    }

    fn homes_of(&self, tenant: &Name) -> impl Iterator<Item = (&HomeId, &Home)> {
        let first = HomeId { tenant: tenant.clone(), app: None };
        self.homes.range(first..).take_while(move |(id, _)| id.tenant == *tenant)
    }

    /// When [`Event::Tick`] is due; never, if nothing is under way.
    pub fn wake(&self) -> Option<Time> {
        let homes = self.homes.values().flat_map(|home| home.wake(&self.policy));
        let routes = self.routes.wake(&self.policy);
        let records = (!self.unrecorded.is_empty()).then_some(self.record_again);
        homes.chain(routes).chain(records).filter(|time| *time > self.ticked).min()
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
            Event::Deploy { app, revision, isolation } => self.deploy(app, revision, isolation),
            Event::Remove { app } => {
                self.unrecorded.retain(|record| record.app() != &app);
                self.with_home_of(&app, actions, |home, _, _| drop(home.apps.remove(&app.app)));
            }
            Event::Verified { app, revision, outcome } => {
                self.with_home_of(&app, actions, |home, id, context| {
                    let Some(own) = home.apps.get_mut(&app.app) else { return };
                    if own.is_fit(revision) {
                        // A second answer, to a question that was asked twice.
                        return;
                    }
                    match outcome {
                        Ok(()) => drop(own.checks.insert(revision, Check::Fit)),
                        Err(unfit) => {
                            if own.unfit(revision, unfit.permanent, context.now) {
                                home.give_up(id, &app.app, revision, unfit.reason, context);
                            }
                        }
                    }
                });
            }
            Event::Ready { cell } | Event::Unwell { cell, .. } | Event::Exited { cell, .. } => {
                let owner = self.homes.iter().find(|(_, home)| home.cells.contains_key(&cell));
                if let Some(owner) = owner.map(|(id, _)| id.clone()) {
                    self.with_home(&owner, actions, |home, id, context| home.about_cell(id, &event, context));
                }
            }
            Event::GatewayStarted => self.routes.forget_gateway(),
            Event::Routed { version } => self.confirmed(version, actions),
            Event::NotRecorded(record) => {
                self.unrecorded.push(record);
                self.record_again = self.now.after(self.policy.ask_again);
            }
            Event::Tick => {}
        }
    }

    fn deploy(&mut self, id: AppId, revision: Revision, isolation: Isolation) {
        let home = HomeId::of(&id, isolation);
        let moved = self.leave_other_home(&id, &home);
        let home = self.homes.entry(home).or_default();
        home.moved.remove(&id.app);
        home.apps.extend(moved.map(|app| (id.app.clone(), app)));
        let app = home.apps.entry(id.app).or_insert_with(|| App::new(revision, None, BTreeMap::new()));
        app.wanted = revision;
        app.failed.remove(&revision);
        if app.checks.get(&revision) != Some(&Check::Fit) {
            app.checks.remove(&revision);
        }
    }

    /// Takes an app out of the home it had, where it goes on serving for now.
    fn leave_other_home(&mut self, app: &AppId, new: &HomeId) -> Option<App> {
        let old = self.homes_of(&app.tenant).find(|(_, home)| home.apps.contains_key(&app.app));
        let old = old.map(|(id, _)| id.clone()).filter(|old| old != new)?;
        let old = self.homes.get_mut(&old)?;
        old.moved.extend(old.serving(&app.app).map(|revision| (app.app.clone(), revision)));
        old.apps.remove(&app.app)
    }

    fn with_home_of(
        &mut self,
        app: &AppId,
        actions: &mut Vec<Action>,
        act: impl FnOnce(&mut Home, &HomeId, &mut Context<'_>),
    ) {
        let id = self.homes_of(&app.tenant).find(|(_, home)| home.apps.contains_key(&app.app));
        if let Some(id) = id.map(|(id, _)| id.clone()) {
            self.with_home(&id, actions, act);
        }
    }

    pub(super) fn with_home(
        &mut self,
        id: &HomeId,
        actions: &mut Vec<Action>,
        act: impl FnOnce(&mut Home, &HomeId, &mut Context<'_>),
    ) {
        if let Some(mut home) = self.homes.remove(id) {
            act(&mut home, id, &mut self.context(actions));
            self.homes.insert(id.clone(), home);
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
