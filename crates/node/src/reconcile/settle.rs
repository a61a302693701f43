//! From what is wanted to what is to be done: after every event, for all apps.

use std::collections::BTreeMap;
use std::mem;

use tombolo_spec::Name;

use super::app::Check;
use super::{Action, App, Cell, CellId, Home, HomeId, Phase, Policy, Revision, State, Time};

/// What the decisions of one home need to know of the rest.
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
        let ids: Vec<_> = self.homes.keys().cloned().collect();
        for id in ids {
            self.with_home(&id, actions, Home::check_deadlines);
        }
    }

    /// Does what can be done now.
    pub(super) fn settle(&mut self, actions: &mut Vec<Action>) {
        self.settle_moved();
        let starting = self.homes.values().filter(|home| home.candidate().is_some()).count();
        let mut homes = mem::take(&mut self.homes);
        let mut context = self.context(actions);
        context.places = context.policy.starting_max.saturating_sub(starting);
        for (id, home) in &mut homes {
            home.settle(id, &mut context);
        }
        homes.retain(|_, home| !home.apps.is_empty() || !home.cells.is_empty());
        self.homes = homes;
        self.settle_routes(actions);
        self.settle_records(actions);
    }

    /// Apps leave their old home once they serve in the new one, or have nothing to serve there.
    fn settle_moved(&mut self) {
        let is_awaited = |id: &HomeId, app: &Name| {
            let Some(home) = self.home_of(&id.app_id(app)) else { return false };
            home.serving(app).is_none() && home.apps.get(app).is_some_and(|app| app.needed().next().is_some())
        };
        let arrived: Vec<(HomeId, Name)> = self
            .homes
            .iter()
            .flat_map(|(id, home)| home.moved.keys().map(move |app| (id.clone(), app.clone())))
            .filter(|(id, app)| !is_awaited(id, app))
            .collect();
        for (id, app) in arrived {
            self.homes.get_mut(&id).and_then(|home| home.moved.remove(&app));
        }
    }
}

impl Home {
    fn settle(&mut self, id: &HomeId, context: &mut Context<'_>) {
        self.verify(id, context);
        if self.is_changing() || self.is_gathering(context) {
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
            (false, _) => self.start(id, target, context),
        }
    }

    /// Asks for every check that is needed and not under way.
    fn verify(&mut self, id: &HomeId, context: &mut Context<'_>) {
        for (name, app) in &mut self.apps {
            let on_trial =
                self.trial.as_ref().filter(|(tried, _)| tried == name).map(|(_, revision)| *revision);
            app.forget_old(on_trial);
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
                let app = id.app_id(name);
                context.actions.push(Action::Verify { app, revision });
            }
        }
    }

    /// True while requests may reach a cell that has not shown its worth: whatever is wanted meanwhile comes after it.
    fn is_changing(&self) -> bool {
        self.find(|phase| matches!(phase, Phase::Entering { .. } | Phase::OnTrial { .. })).is_some()
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

    /// What is to be served: all that is known to work, what is being tried, and what does not serve elsewhere yet.
    fn target(&self) -> BTreeMap<Name, Revision> {
        let solid = self.apps.iter().filter_map(|(name, app)| Some((name.clone(), app.solid()?)));
        let moved = self.moved.iter().map(|(name, revision)| (name.clone(), *revision));
        moved.chain(solid).chain(self.trial.clone()).collect()
    }

    fn start(&mut self, id: &HomeId, plan: BTreeMap<Name, Revision>, context: &mut Context<'_>) {
        if context.places == 0 || !self.backoff.is_over(context.now) {
            return;
        }
        context.places -= 1;
        let cell = CellId(*context.next_cell);
        *context.next_cell += 1;
        let until = context.now.after(context.policy.start);
        self.cells.insert(cell, Cell { plan: plan.clone(), phase: Phase::Starting { until } });
        context.actions.push(Action::Start { cell, tenant: id.tenant.clone(), plan });
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
