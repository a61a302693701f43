//! What was observed of functions while they served: what a cell tells and a node adds up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Upper bounds of a request's duration, in microseconds.
pub const LATENCY_BOUNDS_US: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000, 30_000_000,
];

/// One function since it was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Its name, unique in its cell.
    pub function: String,
    /// The revision that is served.
    pub revision: String,
    /// Answers by class of status: 1xx to 5xx.
    pub answered: [u64; 5],
    /// Requests whose client left before the answer.
    pub canceled: u64,
    /// Requests that did not get the function's own answer, by the reason's word.
    pub failed: BTreeMap<String, u64>,
    /// From a request's first byte until its answer is complete.
    pub latency: Latency,
    /// Processor time of calls that have ended, in microseconds.
    pub cpu_us: u64,
    /// Lines that were not logged, over the function's budget.
    pub lines_dropped: u64,
    /// Each grant in the order it was given.
    pub grants: Vec<GrantUse>,
    /// Refusals that belong to no grant.
    pub refused_without_grant: u64,
    /// Instances that run now.
    pub running: u64,
    /// Requests that wait for a place now.
    pub waiting: u64,
    /// Memory that running instances hold now.
    pub memory_bytes: u64,
}

/// What became of one grant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GrantUse {
    /// The grant as it is written.
    pub grant: String,
    /// How often it allowed something.
    pub used: u64,
    /// How often something near it was refused: the wrong method, a write to what is read-only.
    pub refused: u64,
    /// The narrowest grants that these uses needed. Nothing when there were none, or too many to be remembered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// How durations spread over [`LATENCY_BOUNDS_US`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Observations per bound, not cumulative; the last one is for everything longer.
    pub counts: [u64; LATENCY_BOUNDS_US.len() + 1],
    /// All durations together.
    pub sum_us: u64,
}

impl Observed {
    /// Requests that ended in any way.
    pub fn requests(&self) -> u64 {
        self.answered.iter().sum::<u64>() + self.canceled
    }

    /// Whatever the function asked for and did not get.
    pub fn refusals(&self) -> u64 {
        self.refused_without_grant + self.grants.iter().map(|grant| grant.refused).sum::<u64>()
    }

    /// Adds what was observed before, by another cell. Grants count for their own revision alone.
    pub fn add(&mut self, before: &Observed) {
        add_all(&mut self.answered, &before.answered);
        add_all(&mut self.latency.counts, &before.latency.counts);
        self.latency.sum_us += before.latency.sum_us;
        self.canceled += before.canceled;
        self.cpu_us += before.cpu_us;
        self.lines_dropped += before.lines_dropped;
        for (reason, count) in &before.failed {
            *self.failed.entry(reason.clone()).or_default() += count;
        }
        if self.revision == before.revision {
            self.refused_without_grant += before.refused_without_grant;
            self.grants.iter_mut().for_each(|grant| grant.add_from(&before.grants));
        }
    }
}

impl GrantUse {
    fn add_from(&mut self, before: &[GrantUse]) {
        let Some(before) = before.iter().find(|before| before.grant == self.grant) else { return };
        // Who used it and does not remember for what makes the whole unknown.
        let known = |own: &GrantUse| own.used == 0 || !own.needs.is_empty();
        if known(self) && known(before) {
            let more = before.needs.iter().filter(|need| !self.needs.contains(need)).cloned();
            self.needs.extend(more.collect::<Vec<_>>());
        } else {
            self.needs.clear();
        }
        self.used += before.used;
        self.refused += before.refused;
    }
}

impl Latency {
    /// What was observed since an earlier moment. A count that went back began anew.
    #[must_use]
    pub fn since(&self, before: &Latency) -> Latency {
        let mut since = *self;
        for (count, before) in since.counts.iter_mut().zip(before.counts) {
            *count = count.saturating_sub(before);
        }
        since.sum_us = since.sum_us.saturating_sub(before.sum_us);
        since
    }

    /// The duration, in microseconds, that a part of the observations did not exceed; as exact as the bounds are, and
    /// in between as if observations were spread evenly. `None` without observations.
    pub fn quantile_us(&self, part: f64) -> Option<u64> {
        let total: u64 = self.counts.iter().sum();
        let rank = part * total as f64;
        let mut below = 0.0;
        for (index, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= rank {
                let low = index.checked_sub(1).map_or(0, |index| LATENCY_BOUNDS_US[index]);
                let high = LATENCY_BOUNDS_US.get(index).copied().unwrap_or(low);
                let inside = ((rank - below) / count).clamp(0.0, 1.0);
                return Some(low + ((high - low) as f64 * inside) as u64);
            }
            below += count;
        }
        None
    }
}

fn add_all(sums: &mut [u64], more: &[u64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(used: u64, needs: &[&str]) -> GrantUse {
        let needs = needs.iter().map(|need| (*need).to_owned()).collect();
        GrantUse { grant: "http * https://*/*".to_owned(), used, refused: 1, needs }
    }

    fn observed(revision: &str, grant: GrantUse) -> Observed {
        Observed {
            revision: revision.to_owned(),
            answered: [0, 2, 0, 1, 0],
            failed: BTreeMap::from([("busy".to_owned(), 1)]),
            grants: vec![grant],
            ..Observed::default()
        }
    }

    #[test]
    fn requests_add_up_over_revisions_and_grants_within_one() {
        let mut now = observed("2", grant(1, &["a"]));
        now.add(&observed("1", grant(5, &["b"])));
        assert_eq!((now.requests(), now.failed["busy"]), (6, 2));
        assert_eq!(now.grants, [grant(1, &["a"])]);
        now.add(&observed("2", grant(5, &["a", "b"])));
        assert_eq!((now.requests(), now.refusals()), (9, 2));
        assert_eq!((now.grants[0].used, now.grants[0].needs.join(" ")), (6, "a b".to_owned()));
        now.add(&observed("2", grant(100, &[])));
        assert!(now.grants[0].needs.is_empty(), "too many to be known");
    }

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_observations() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile_us(0.5), None);
        latency.counts[2] = 100;
        assert_eq!(latency.quantile_us(0.0), Some(100));
        assert_eq!(latency.quantile_us(0.5), Some(175));
        assert_eq!(latency.quantile_us(1.0), Some(250));
        latency.counts[16] = 100;
        assert_eq!(latency.quantile_us(0.99), Some(30_000_000));
        let mut later = latency;
        later.counts[2] = 110;
        later.counts[16] = 0;
        assert_eq!(later.since(&latency).counts.iter().sum::<u64>(), 10);
    }
}
