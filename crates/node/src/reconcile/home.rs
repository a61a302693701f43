//! Apps that share a cell: those of one tenant, or one that is alone. Their cells, and the one change that is tried.

use std::collections::BTreeMap;

use tombolo_spec::Name;

use super::backoff::{Backoff, FORGET_AFTER, LOOP_FAILURES};
use super::settle::Context;
use super::{Action, App, Cell, CellId, Event, Exit, HomeId, Phase, Record, Revision, Time};

/// What is known of apps that share a cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Home {
    /// Its apps.
    pub apps: BTreeMap<Name, App>,
    /// Its cells; one of them serves.
    pub cells: BTreeMap<CellId, Cell>,
    /// What is being tried.
    pub(super) trial: Option<(Name, Revision)>,
    /// Apps that belong elsewhere now, and stay until they serve there.
    pub(super) moved: BTreeMap<Name, Revision>,
    /// Failures of cells that nothing new was tried in.
    pub(super) backoff: Backoff,
}

impl Home {
    /// The cell that the gateway is to send requests to.
    pub fn routed(&self) -> Option<CellId> {
        self.find(|phase| matches!(phase, Phase::Entering { .. })).or_else(|| self.front())
    }

    /// True if its cells fail again and again, whatever is done.
    pub fn is_looping(&self) -> bool {
        self.backoff.failures >= LOOP_FAILURES
    }

    /// The revision of an app that requests reach now.
    pub fn serving(&self, app: &str) -> Option<Revision> {
        let cell = &self.cells[&self.front()?];
        cell.plan.get(app).copied()
    }

    /// Whether each app has a cell here that is ready for requests, or has shown why not.
    pub(super) fn is_prepared(&self) -> bool {
        let ready = self.routed().and_then(|cell| self.cells.get(&cell));
        let is_ready = |app: &Name| ready.is_some_and(|cell| cell.plan.contains_key(app));
        let failed = self.backoff.failures > 0;
        self.apps.iter().all(|(name, app)| failed || is_ready(name) || app.is_in_vain())
    }

    /// The app of which a revision is being tried.
    pub fn on_trial(&self) -> Option<&Name> {
        self.trial.as_ref().map(|(app, _)| app)
    }

    /// Why an app whose revision is good does not serve now.
    pub fn trouble(&self, app: &str) -> Option<&str> {
        Some(&self.apps.get(app)?.trouble.as_ref()?.reason)
    }

    /// The cell that serves, on trial or not.
    pub(super) fn front(&self) -> Option<CellId> {
        self.find(|phase| matches!(phase, Phase::OnTrial { .. } | Phase::Serving { .. }))
    }

    /// The cell that is to serve next.
    pub(super) fn candidate(&self) -> Option<CellId> {
        self.find(|phase| matches!(phase, Phase::Starting { .. } | Phase::Entering { .. }))
    }

    pub(super) fn find(&self, is: impl Fn(Phase) -> bool) -> Option<CellId> {
        self.cells.iter().find(|(_, cell)| is(cell.phase)).map(|(id, _)| *id)
    }

    pub(super) fn set(&mut self, id: CellId, phase: Phase) {
        if let Some(cell) = self.cells.get_mut(&id) {
            cell.phase = phase;
        }
    }

    pub(super) fn phase(&self, id: CellId) -> Option<Phase> {
        self.cells.get(&id).map(|cell| cell.phase)
    }

    /// Takes in an event about one of its cells.
    pub(super) fn about_cell(&mut self, id: &HomeId, event: &Event, context: &mut Context<'_>) {
        match event {
            Event::Ready { cell } => {
                if let Some(Phase::Starting { .. }) = self.phase(*cell) {
                    self.set(*cell, Phase::Entering { version: context.next_version });
                }
            }
            Event::Unwell { cell, reason } => {
                if let Some(Phase::Entering { .. } | Phase::OnTrial { .. }) = self.phase(*cell) {
                    self.set(*cell, Phase::Leaving { version: context.next_version });
                    self.fall_back();
                    self.fail(id, Exit { culprit: None, reason: reason.clone() }, context);
                }
            }
            Event::Exited { cell, exit } => {
                if let Some(gone) = self.cells.remove(cell) {
                    self.exited(id, gone.phase, exit.clone(), context);
                }
            }
            _ => {}
        }
    }

    fn exited(&mut self, id: &HomeId, phase: Phase, exit: Exit, context: &mut Context<'_>) {
        match phase {
            Phase::Starting { .. } | Phase::Entering { .. } => self.fail(id, exit, context),
            Phase::OnTrial { .. } => {
                self.fall_back();
                self.fail(id, exit, context);
            }
            Phase::Serving { since } => {
                if context.now.since(since) >= FORGET_AFTER {
                    self.backoff = Backoff::default();
                }
                self.backoff.fail(context.now);
                // Those who are about to leave may be why, and those who stay come first.
                self.moved.clear();
            }
            Phase::Parked { .. } | Phase::Leaving { .. } | Phase::Draining { .. } | Phase::Ending { .. } => {}
        }
    }

    /// The cell that served before the trial serves again.
    fn fall_back(&mut self) {
        let parked = self.cells.values_mut().find_map(|cell| match cell.phase {
            Phase::Parked { since } => Some((cell, since)),
            _ => None,
        });
        if let Some((cell, since)) = parked {
            cell.phase = Phase::Serving { since };
        }
    }

    /// Finds out what was at fault, and keeps it from being tried again at once.
    fn fail(&mut self, id: &HomeId, exit: Exit, context: &mut Context<'_>) {
        let tried = self.trial.take();
        match &tried {
            Some((app, _)) => drop(self.moved.remove(app)),
            None => self.moved.clear(),
        }
        let culprit = exit.culprit.filter(|app| self.apps.contains_key(app));
        let reason = exit.reason;
        if let Some((name, app)) = culprit.as_ref().and_then(|name| Some((name, self.apps.get_mut(name)?))) {
            let is_new = |(tried, revision): &(Name, Revision)| tried == name && app.is_new(*revision);
            // Its compiled code may be gone, or its artifact damaged. A new revision says nothing of the good one.
            if !tried.as_ref().is_some_and(is_new) {
                app.check_again();
            }
        }
        match (culprit, tried) {
            (Some(culprit), Some((app, revision))) if culprit != app => {
                if self.serving(&culprit).is_some() {
                    // It still serves, and would not come back: the change has to wait, not what works.
                    let reason = format!("{culprit}, which serves, could not be started again: {reason}");
                    return self.give_up(id, &app, revision, reason, context);
                }
                self.hold(&culprit, reason, context.now);
            }
            (_, Some((app, revision))) => self.give_up(id, &app, revision, reason, context),
            (Some(culprit), None) => self.hold(&culprit, reason, context.now),
            (None, None) => self.backoff.fail(context.now),
        }
    }

    /// A revision failed: for good if it never served.
    pub(super) fn give_up(
        &mut self,
        id: &HomeId,
        name: &Name,
        revision: Revision,
        reason: String,
        context: &mut Context<'_>,
    ) {
        let Some(app) = self.apps.get_mut(name) else { return };
        if app.good == Some(revision) {
            return app.hold(reason, context.now);
        }
        app.failed.insert(revision, reason.clone());
        let app = id.app_id(name);
        context.actions.push(Action::Record(Record::Failed { app, revision, reason }));
    }

    fn hold(&mut self, name: &Name, reason: String, now: Time) {
        if let Some(app) = self.apps.get_mut(name) {
            app.hold(reason, now);
        }
    }

    /// The gateway uses this version of its table.
    pub(super) fn routed_to(&mut self, version: u64, context: &mut Context<'_>) {
        let entering = self.find(|phase| matches!(phase, Phase::Entering { version: own } if own <= version));
        if let Some(cell) = entering {
            self.enter(cell, context);
        }
        while let Some(left) =
            self.find(|phase| matches!(phase, Phase::Leaving { version: own } if own <= version))
        {
            self.drain(left, context);
        }
    }

    /// Requests reach the cell from now on, and no longer the one before.
    fn enter(&mut self, cell: CellId, context: &mut Context<'_>) {
        let tried = self.trial.as_ref();
        let on_trial = tried.is_some_and(|(app, revision)| self.cells[&cell].plan.get(app) == Some(revision));
        if let Some(before) = self.front() {
            match self.phase(before) {
                Some(Phase::Serving { since }) if on_trial => self.set(before, Phase::Parked { since }),
                _ => self.drain(before, context),
            }
        }
        let until = context.now.after(context.policy.trial);
        let phase = if on_trial { Phase::OnTrial { until } } else { Phase::Serving { since: context.now } };
        self.set(cell, phase);
    }

    /// What was tried has served well.
    pub(super) fn trust(&mut self, id: &HomeId, cell: CellId, context: &mut Context<'_>) {
        self.set(cell, Phase::Serving { since: context.now });
        if let Some(parked) = self.find(|phase| matches!(phase, Phase::Parked { .. })) {
            self.drain(parked, context);
        }
        let Some((name, revision)) = self.trial.take() else { return };
        let Some(app) = self.apps.get_mut(&name) else { return };
        app.trouble = None;
        if app.good.replace(revision) != Some(revision) {
            let app = id.app_id(&name);
            context.actions.push(Action::Record(Record::Good { app, revision }));
        }
    }

    pub(super) fn drain(&mut self, cell: CellId, context: &mut Context<'_>) {
        self.set(cell, Phase::Draining { until: context.now.after(context.policy.drain) });
        context.actions.push(Action::Drain { cell });
    }

    pub(super) fn kill(&mut self, cell: CellId, context: &mut Context<'_>) {
        self.set(cell, Phase::Ending { until: context.now.after(context.policy.ask_again) });
        context.actions.push(Action::Kill { cell });
    }

    /// Acts on what took too long.
    pub(super) fn check_deadlines(&mut self, id: &HomeId, context: &mut Context<'_>) {
        let due: Vec<_> = self
            .cells
            .iter()
            .filter(|(_, cell)| cell.phase.deadline().is_some_and(|deadline| deadline <= context.now))
            .map(|(cell, known)| (*cell, known.phase))
            .collect();
        for (cell, phase) in due {
            match phase {
                Phase::Starting { .. } => {
                    self.kill(cell, context);
                    let reason = "its cell was not ready in time".to_owned();
                    self.fail(id, Exit { culprit: None, reason }, context);
                }
                Phase::OnTrial { .. } => self.trust(id, cell, context),
                _ => self.kill(cell, context),
            }
        }
    }
}
