//! From what is wanted to what is to be done: after every event, for every tenant.

use std::collections::BTreeMap;
use std::mem;

use tombolo_spec::Name;

use super::app::Check;
use super::{Action, App, AppId, Cell, CellId, Phase, Policy, Revision, State, Tenant, Time};

/// What a tenant's decisions need to know of the rest.
pub(super) struct Context<'a> {
    pub(super) now: Time,
    pub(super) policy: &'a Policy,
    /// The version that the gateway's table will have if it changes now.
    pub(super) next_version: u64,
    pub(super) next_cell: &'a mut u64,
    /// Cells that may still be started now.
    pub(super) places: usize,
    pub(super) actions: &'a mut Vec<Action>,
}

impl State {
    /// Acts on what took too long.
    pub(super) fn check_deadlines(&mut self, actions: &mut Vec<Action>) {
        self.ticked = self.now;
        let names: Vec<_> = self.tenants.keys().cloned().collect();
        for name in names {
            self.with_tenant(&name, actions, Tenant::check_deadlines);
        }
    }

    /// Does what can be done now.
    pub(super) fn settle(&mut self, actions: &mut Vec<Action>) {
        let starting = self.tenants.values().filter(|tenant| tenant.candidate().is_some()).count();
        let mut tenants = mem::take(&mut self.tenants);
        let mut context = self.context(actions);
        context.places = context.policy.starting_max.saturating_sub(starting);
        for (name, tenant) in &mut tenants {
            tenant.settle(name, &mut context);
        }
        tenants.retain(|_, tenant| !tenant.apps.is_empty() || !tenant.cells.is_empty());
        self.tenants = tenants;
        self.settle_routes(actions);
        self.settle_records(actions);
    }
}

impl Tenant {
    fn settle(&mut self, name: &Name, context: &mut Context<'_>) {
        self.verify(name, context);
        if self.is_on_trial() || self.is_gathering(context) {
            return;
        }
        self.choose_trial(context.now);
        let target = self.target();
        if let Some(candidate) = self.candidate() {
            if self.cells[&candidate].plan == target {
                return;
            }
            self.kill(candidate, context);
        }
        let front = self.front();
        if front.is_some_and(|front| self.cells[&front].plan == target) {
            return;
        }
        match (target.is_empty(), front) {
            (true, None) => {}
            (true, Some(front)) => self.set(front, Phase::Leaving { version: context.next_version }),
            (false, _) => self.start(name, target, context),
        }
    }

    /// Asks for every check that is needed and not under way.
    fn verify(&mut self, tenant: &Name, context: &mut Context<'_>) {
        for (name, app) in &mut self.apps {
            app.forget_old();
            let unchecked: Vec<_> =
                app.needed().filter(|revision| app.is_due(*revision, context.now)).collect();
            for revision in unchecked {
                let failures = match app.checks.get(&revision) {
                    Some(Check::Asked { failures, .. }) => *failures,
                    Some(Check::Later { backoff }) => backoff.failures,
                    _ => 0,
                };
                let until = context.now.after(context.policy.verify);
                app.checks.insert(revision, Check::Asked { since: context.now, until, failures });
                let app = AppId { tenant: tenant.clone(), app: name.clone() };
                context.actions.push(Action::Verify { app, revision });
            }
        }
    }

    fn is_on_trial(&self) -> bool {
        self.find(|phase| matches!(phase, Phase::OnTrial { .. })).is_some()
    }

    /// After a start, apps that served before come back in one cell, not one by one: their checks are waited for.
    fn is_gathering(&self, context: &Context<'_>) -> bool {
        self.front().is_none()
            && self
                .apps
                .values()
                .filter_map(App::gathers_since)
                .any(|since| context.now.since(since) < context.policy.gather)
    }

    /// Keeps what is being tried while it is worth it, else takes the next.
    fn choose_trial(&mut self, now: Time) {
        let is_suspect = |(name, revision): &(Name, Revision)| {
            self.apps.get(name).is_some_and(|app| app.suspect(now) == Some(*revision))
        };
        self.trial = self
            .trial
            .take()
            .filter(is_suspect)
            .or_else(|| self.apps.iter().find_map(|(name, app)| Some((name.clone(), app.suspect(now)?))));
    }

    /// What is to be served: all that is known to work, and what is being tried.
    fn target(&self) -> BTreeMap<Name, Revision> {
        let solid = self.apps.iter().filter_map(|(name, app)| Some((name.clone(), app.solid()?)));
        solid.chain(self.trial.clone()).collect()
    }

    fn start(&mut self, tenant: &Name, plan: BTreeMap<Name, Revision>, context: &mut Context<'_>) {
        if context.places == 0 || !self.backoff.is_over(context.now) {
            return;
        }
        context.places -= 1;
        let cell = CellId(*context.next_cell);
        *context.next_cell += 1;
        let until = context.now.after(context.policy.start);
        self.cells.insert(cell, Cell { plan: plan.clone(), phase: Phase::Starting { until } });
        context.actions.push(Action::Start { cell, tenant: tenant.clone(), plan });
    }

    /// When it has to be looked at again if nothing happens.
    pub(super) fn wake(&self, policy: &Policy) -> impl Iterator<Item = Time> {
        let cells = self.cells.values().filter_map(|cell| cell.phase.deadline());
        let apps = self.apps.values().flat_map(|app| app.wake(policy));
        cells.chain(apps).chain([self.backoff.until])
    }
}

impl App {
    /// True if a check has to be asked for.
    fn is_due(&self, revision: Revision, now: Time) -> bool {
        match self.checks.get(&revision) {
            None => true,
            Some(Check::Asked { until, .. }) => *until <= now,
            Some(Check::Later { backoff }) => backoff.is_over(now),
            Some(Check::Fit) => false,
        }
    }

    /// Since when the first check of the good revision is waited for.
    fn gathers_since(&self) -> Option<Time> {
        match self.checks.get(&self.good?)? {
            Check::Asked { since, failures: 0, .. } => Some(*since),
            _ => None,
        }
    }

    fn wake(&self, policy: &Policy) -> impl Iterator<Item = Time> {
        let checks = self.checks.values().filter_map(|check| match check {
            Check::Asked { until, .. } => Some(*until),
            Check::Later { backoff } => Some(backoff.until),
            Check::Fit => None,
        });
        let gathered = self.gathers_since().map(|since| since.after(policy.gather));
        let trouble = self.trouble.as_ref().map(|trouble| trouble.backoff.until);
        checks.chain(gathered).chain(trouble)
    }
}
