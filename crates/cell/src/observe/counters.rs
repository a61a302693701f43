//! What is counted on a request's path: plain atomics, one set for each function and worker thread, added up when
//! somebody asks.
//!
//! Own atomics rather than a metrics crate: those take a lock per labelled family or per histogram observation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tombolo_spec::observed::Latency;

use crate::refusal::Refusal;
use crate::turns::Share;

pub(crate) use tombolo_spec::observed::LATENCY_BOUNDS_US as DURATION_BOUNDS_US;

/// How observations spread over [`DURATION_BOUNDS_US`].
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// Observations per bound, not cumulative; the last one is for everything longer.
    buckets: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = DURATION_BOUNDS_US.partition_point(|bound| *bound < us);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }
}

/// Counters of one function on one worker thread.
#[derive(Debug, Default)]
#[repr(align(128))] // Neighbours belong to other threads: no shared cache line.
pub(crate) struct Counters {
    /// Responses by class of status: 1xx to 5xx.
    pub(crate) classes: [AtomicU64; 5],
    pub(crate) refusals: [AtomicU64; Refusal::NAMES.len()],
    pub(crate) duration: Histogram,
    /// From admission until the instance is ready to be called.
    pub(crate) start: Histogram,
    pub(crate) canceled: AtomicU64,
    /// Processor time of the function's guests.
    pub(crate) cpu_ns: AtomicU64,
    pub(crate) share: Share,
}

/// The sum of one function's counters over all worker threads.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) classes: [u64; 5],
    pub(crate) refusals: [u64; Refusal::NAMES.len()],
    pub(crate) duration: Latency,
    pub(crate) start: Latency,
    pub(crate) canceled: u64,
    pub(crate) cpu_ns: u64,
}

impl Counters {
    /// Counts an answered request.
    pub(crate) fn answered(&self, status: http::StatusCode, duration: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.classes[class].fetch_add(1, Relaxed);
        self.duration.observe(duration);
    }

    /// Counts why a request did not get the guest's own answer.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.refusals[refusal.index()].fetch_add(1, Relaxed);
    }
}

impl Totals {
    /// Requests that ended in any way.
    pub(crate) fn calls(&self) -> u64 {
        self.classes.iter().sum::<u64>() + self.canceled
    }

    /// Adds one worker's counters.
    pub(crate) fn add(&mut self, counters: &Counters) {
        add_all(&mut self.classes, &counters.classes);
        add_all(&mut self.refusals, &counters.refusals);
        add_histogram(&mut self.duration, &counters.duration);
        add_histogram(&mut self.start, &counters.start);
        self.canceled += counters.canceled.load(Relaxed);
        self.cpu_ns += counters.cpu_ns.load(Relaxed);
    }
}

/// Adds a histogram of one worker.
fn add_histogram(sum: &mut Latency, histogram: &Histogram) {
    add_all(&mut sum.counts, &histogram.buckets);
    sum.sum_us += histogram.sum_us.load(Relaxed);
}

fn add_all(sums: &mut [u64], counters: &[AtomicU64]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum += counter.load(Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_falls_into_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::default();
        for us in [0, 50, 51, 30_000_000, 30_000_001] {
            histogram.observe(Duration::from_micros(us));
        }
        let mut seen = Latency::default();
        add_histogram(&mut seen, &histogram);
        assert_eq!((seen.counts[0], seen.counts[1]), (2, 1));
        assert_eq!((seen.counts[15], seen.counts[16]), (1, 1));
        assert_eq!(seen.sum_us, 60_000_102);
    }
}
