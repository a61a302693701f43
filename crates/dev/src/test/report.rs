//! What a test run says: a line for each case, everything that was wrong, and a tally at the end.

use std::time::Duration;

use indicatif::ProgressBar;

use super::case::Case;
use crate::say::{bad, bold, dim, duration, good, say};

/// Shows on a terminal which case is being played: the first one after a build may take a while.
pub(super) struct Playing(ProgressBar);

impl Playing {
    pub(super) fn start(case: &Case) -> Playing {
        let bar = ProgressBar::new_spinner().with_message(case.name.clone());
        bar.enable_steady_tick(Duration::from_millis(100));
        Playing(bar)
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The results so far.
#[derive(Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Says how a case went.
    pub(super) fn add(&mut self, file: &str, case: &Case, faults: &[String], took: Duration) {
        let at = dim(format!("{file}, {}", duration(took)));
        if faults.is_empty() {
            self.passed += 1;
            say!("{} {} {at}", good("ok"), case.name);
            return;
        }
        self.failed += 1;
        say!("{} {} {at}", bad("FAILED"), bold(&case.name));
        for fault in faults {
            say!("  {fault}");
        }
    }

    /// Says the totals; whether all passed. A filter that no case fits is not a pass that anyone should trust.
    pub(super) fn end(&self, filter: Option<&str>) -> bool {
        match (self.passed + self.failed, filter) {
            (0, Some(filter)) => say!("no case has {filter:?} in its name or its file's"),
            (0, None) => say!("no test: write cases into tests/*.toml"),
            _ => say!("{} passed, {} failed", self.passed, self.failed),
        }
        self.failed == 0 && (self.passed > 0 || filter.is_none())
    }
}
