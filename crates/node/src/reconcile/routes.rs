//! The gateway's table: which cell gets an app's requests.

use std::collections::BTreeMap;

use super::{Action, AppId, CellId, Phase, Policy, State, Time};

/// The table as it should be, and what the gateway has said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Routes {
    pub(super) version: u64,
    table: BTreeMap<AppId, CellId>,
    /// When this version was sent, if it was and is not confirmed.
    sent: Option<Time>,
    confirmed: bool,
}

impl Routes {
    pub(super) fn forget_gateway(&mut self) {
        self.sent = None;
        self.confirmed = false;
    }

    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    pub(super) fn cell(&self, app: &AppId) -> Option<CellId> {
        self.table.get(app).copied()
    }

    pub(super) fn wake(&self, policy: &Policy) -> Option<Time> {
        self.sent.filter(|_| !self.confirmed).map(|sent| sent.after(policy.ask_again))
    }
}

impl State {
    /// The gateway confirms a version.
    pub(super) fn confirmed(&mut self, version: u64, actions: &mut Vec<Action>) {
        if version == self.routes.version {
            self.routes.confirmed = true;
        }
        let ids: Vec<_> = self.homes.keys().cloned().collect();
        for id in ids {
            self.with_home(&id, actions, |home, _, context| home.routed_to(version, context));
        }
    }

    /// Sends the table if it has changed, or if no confirmation came.
    pub(super) fn settle_routes(&mut self, actions: &mut Vec<Action>) {
        let table = self.table();
        let is_awaited = self.awaits_version(self.routes.version + 1);
        let routes = &mut self.routes;
        if table != routes.table || is_awaited {
            routes.version += 1;
            routes.table = table;
            routes.forget_gateway();
        }
        let overdue = routes.sent.is_none_or(|sent| sent.after(self.policy.ask_again) <= self.now);
        if !routes.confirmed && overdue {
            routes.sent = Some(self.now);
            actions.push(Action::Route { version: routes.version, table: routes.table.clone() });
        }
    }

    /// One cell for each app: that of its home if it has one there, else of the home that it is about to leave.
    fn table(&self) -> BTreeMap<AppId, CellId> {
        let mut table = BTreeMap::new();
        for (id, home) in &self.homes {
            let Some(cell) = home.routed() else { continue };
            for app in home.cells.get(&cell).into_iter().flat_map(|cell| cell.plan.keys()) {
                if home.apps.contains_key(app) || !table.contains_key(&id.app_id(app)) {
                    table.insert(id.app_id(app), cell);
                }
            }
        }
        table
    }

    /// A cell may enter or leave without a change to the table: when its only apps serve in another home.
    fn awaits_version(&self, next: u64) -> bool {
        let phases = self.homes.values().flat_map(|home| home.cells.values().map(|cell| cell.phase));
        phases.into_iter().any(|phase| match phase {
            Phase::Entering { version } | Phase::Leaving { version } => version >= next,
            _ => false,
        })
    }
}
