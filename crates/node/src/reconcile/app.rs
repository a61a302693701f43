//! An app as the reconciler knows it.

use std::collections::BTreeMap;

use super::backoff::Backoff;
use super::{Revision, Time};

/// How often a revision is verified again that failed for a reason that may pass.
const VERIFY_TRIES: u32 = 3;

/// What is wanted of an app, and what is known of its revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The revision that somebody asked for last.
    pub wanted: Revision,
    /// The last one that has served well.
    pub good: Option<Revision>,
    /// Those that failed, with the reason.
    pub failed: BTreeMap<Revision, String>,
    pub(super) checks: BTreeMap<Revision, Check>,
    /// Set when the good revision failed: it is tried again later, and alone.
    pub(super) trouble: Option<Failure>,
}

/// Why an app whose revision is good does not serve now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened, for people.
    pub reason: String,
    pub(super) backoff: Backoff,
}

/// What is known of a revision's artifacts since the node started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Asked for; asked for again if no answer comes until then.
    Asked { since: Time, until: Time, failures: u32 },
    /// Asked for in vain; asked for again then.
    Later { backoff: Backoff },
    /// A cell may run it.
    Fit,
}

impl App {
    /// An app as the disk has it. A revision that is good there has served, whatever came after and was not written.
    pub fn new(wanted: Revision, good: Option<Revision>, mut failed: BTreeMap<Revision, String>) -> App {
        good.map(|good| failed.remove(&good));
        App { wanted, good, failed, checks: BTreeMap::new(), trouble: None }
    }

    /// The revision that is expected to serve without trouble.
    pub(super) fn solid(&self) -> Option<Revision> {
        self.good.filter(|good| self.trouble.is_none() && self.is_fit(*good))
    }

    /// The revision that may be tried now, beside what serves: one that has never served, or a good one after its
    /// trouble.
    pub(super) fn suspect(&self, now: Time) -> Option<Revision> {
        if self.is_new(self.wanted) {
            return self.is_fit(self.wanted).then_some(self.wanted);
        }
        let over = self.trouble.as_ref().is_some_and(|trouble| trouble.backoff.is_over(now));
        self.good.filter(|good| over && self.is_fit(*good))
    }

    /// True if it hasn't served and hasn't failed.
    pub(super) fn is_new(&self, revision: Revision) -> bool {
        self.good != Some(revision) && !self.failed.contains_key(&revision)
    }

    pub(super) fn is_fit(&self, revision: Revision) -> bool {
        self.checks.get(&revision) == Some(&Check::Fit)
    }

    /// The revisions that may have to serve.
    pub(super) fn needed(&self) -> impl Iterator<Item = Revision> {
        let wanted = Some(self.wanted).filter(|wanted| !self.failed.contains_key(wanted));
        wanted.into_iter().chain(self.good.filter(move |good| Some(*good) != wanted))
    }

    /// True if nothing of it can serve, or what could has failed and is tried again later.
    pub(super) fn is_in_vain(&self) -> bool {
        let is_later = |revision| matches!(self.checks.get(&revision), Some(Check::Later { .. }));
        self.trouble.is_some() || self.needed().all(is_later)
    }

    /// The good revision failed: it is tried again later.
    pub(super) fn hold(&mut self, reason: String, now: Time) {
        let trouble =
            self.trouble.get_or_insert(Failure { reason: String::new(), backoff: Backoff::default() });
        trouble.reason = reason;
        trouble.backoff.fail(now);
    }

    /// Notes that artifacts are not fit; true if the revision is not to be tried again.
    pub(super) fn unfit(&mut self, revision: Revision, permanent: bool, now: Time) -> bool {
        let failures = match self.checks.get(&revision) {
            Some(Check::Asked { failures, .. }) => *failures,
            Some(Check::Later { backoff }) => backoff.failures,
            _ => 0,
        };
        let mut backoff = Backoff { failures, until: now };
        backoff.fail(now);
        self.checks.insert(revision, Check::Later { backoff });
        permanent || backoff.failures >= VERIFY_TRIES
    }

    /// Forgets that the good revision was fit.
    pub(super) fn check_again(&mut self) {
        self.good.and_then(|good| self.checks.remove(&good));
    }

    /// Forgets checks of revisions that nobody needs; the one on trial is needed when it turns out to be good.
    pub(super) fn forget_old(&mut self, on_trial: Option<Revision>) {
        let needed: Vec<_> = self.needed().chain(on_trial).collect();
        self.checks.retain(|revision, _| needed.contains(revision));
    }
}
