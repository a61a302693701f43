//! What a function's grants were used for, and what was refused.
//!
//! One ledger a function, shared by all its instances. A use is one relaxed addition. A refusal is an event with
//! a text; equal refusals are one entry with a count, and the number of different entries is bounded, so a guest
//! that is refused in a loop costs neither memory nor log.

mod attribution;
mod event;
mod needs;
mod refusals;

#[cfg(test)]
mod tests;

pub(crate) use attribution::current;
pub use attribution::{Caller, TRACEPARENT, attributed, on_behalf};
pub use event::{Reason, Refusal, RefusalSink, Refused};
pub use refusals::REFUSALS_MAX;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use tombolo_spec::GrantUse;
use tombolo_spec::{Access, Grant, GrantId, GrantSet, Request};

use needs::Needs;
use refusals::Refusals;

/// Uses and refusals of one grant.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    used: AtomicU64,
    refused: AtomicU64,
    needs: Needs,
}

impl Counter {
    pub(crate) fn used(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    fn report(&self, id: &GrantId, grant: &Grant) -> GrantUse {
        let used = self.used.load(Ordering::Relaxed);
        let needs = if used > 0 { self.needs.of(grant) } else { Vec::new() };
        GrantUse {
            grant: id.text().to_owned(),
            used,
            refused: self.refused.load(Ordering::Relaxed),
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The counts of one function.
pub struct Ledger {
    function: Arc<str>,
    grants: GrantSet,
    counters: Box<[Counter]>,
    /// Refusals of requests that no grant is near to.
    ungranted: AtomicU64,
    refusals: Refusals,
}

/// What a ledger says at one moment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// The function's name.
    pub function: String,
    /// Each grant in the order it was given.
    pub grants: Vec<GrantUse>,
    /// Refusals that belong to no grant.
    pub refused_without_grant: u64,
    /// Different refusals in the order they first came, at most [`REFUSALS_MAX`].
    pub refusals: Vec<Refusal>,
    /// Refusals that came after the list was full; they are in the counts only.
    pub refusals_dropped: u64,
}

impl Ledger {
    /// An empty ledger. `sink` gets each refusal when it comes first and then at every doubling of its count.
    pub fn new(function: &str, grants: &GrantSet, sink: Option<Arc<dyn RefusalSink>>) -> Ledger {
        Ledger {
            function: function.into(),
            grants: grants.clone(),
            counters: grants.iter().map(|_| Counter::default()).collect(),
            ungranted: AtomicU64::new(0),
            refusals: Refusals::new(sink),
        }
    }

    /// The function's name.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// Counts a use of a grant that is needed whole.
    pub fn used(&self, grant: &GrantId) {
        if let Some(counter) = self.counter(grant.index()) {
            counter.used();
        }
    }

    /// Counts a use of a grant for reading alone, or also for writing.
    pub fn used_to(&self, access: Access, grant: &GrantId) {
        if let Some(counter) = self.counter(grant.index()) {
            counter.used();
            counter.needs.note_access(access);
        }
    }

    /// Counts a use of a grant that may permit much more than this request.
    pub fn used_for(&self, request: &Request<'_>, grant: &GrantId) {
        if let Some(counter) = self.counter(grant.index()) {
            counter.used();
            counter.needs.note(request);
        }
    }

    /// Counts and records a refusal.
    pub fn refused(&self, refused: Refused<'_>) {
        match refused.near.and_then(|grant| self.counter(grant.index())) {
            Some(counter) => counter.refused.fetch_add(1, Ordering::Relaxed),
            None => self.ungranted.fetch_add(1, Ordering::Relaxed),
        };
        self.refusals.record(&self.function, refused);
    }

    /// What was used and refused so far.
    pub fn report(&self) -> Report {
        let grants = self.grants.iter().zip(&self.counters);
        let grants = grants.map(|((id, grant), counter)| counter.report(id, grant));
        let (refusals, refusals_dropped) = self.refusals.snapshot();
        Report {
            function: self.function.to_string(),
            grants: grants.collect(),
            refused_without_grant: self.ungranted.load(Ordering::Relaxed),
            refusals,
            refusals_dropped,
        }
    }

    /// The counter of the grant at this place of its set.
    pub(crate) fn counter(&self, index: usize) -> Option<&Counter> {
        self.counters.get(index)
    }
}
