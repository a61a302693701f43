//! The gateway's table: which cell gets a tenant's requests.

use std::collections::BTreeMap;

use tombolo_spec::Name;

use super::{Action, CellId, Policy, State, Time};

/// The table as it should be, and what the gateway has said about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Routes {
    pub(super) version: u64,
    table: BTreeMap<Name, CellId>,
    /// When this version was sent, if it was and is not confirmed.
    sent: Option<Time>,
    confirmed: bool,
}

impl Routes {
    pub(super) fn forget_gateway(&mut self) {
        self.sent = None;
        self.confirmed = false;
    }

    pub(super) fn wake(&self, policy: &Policy) -> Option<Time> {
        self.sent.filter(|_| !self.confirmed).map(|sent| sent.after(policy.ask_again))
    }
}

impl State {
    /// The gateway confirms a version.
    pub(super) fn routed(&mut self, version: u64, actions: &mut Vec<Action>) {
        if version == self.routes.version {
            self.routes.confirmed = true;
        }
        let names: Vec<_> = self.tenants.keys().cloned().collect();
        for name in names {
            self.with_tenant(&name, actions, |tenant, _, context| tenant.routed_to(version, context));
        }
    }

    /// Sends the table if it has changed, or if no confirmation came.
    pub(super) fn settle_routes(&mut self, actions: &mut Vec<Action>) {
        let table = self.tenants.iter().filter_map(|(name, tenant)| Some((name.clone(), tenant.routed()?)));
        let table: BTreeMap<_, _> = table.collect();
        let routes = &mut self.routes;
        if table != routes.table {
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
}
