//! What a build shows: bars on a terminal, lines elsewhere, and each outcome as soon as it is known.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Built, Outcome};
use crate::say::{bad, bold, dim, duration, good, indented, size, warning};

/// Where outcomes are shown.
pub(crate) struct Progress {
    bars: MultiProgress,
    detail: Detail,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// What was built and what failed.
    Changes,
    /// Also what was left out.
    Outcomes,
    /// Also what tools print when they succeed.
    Everything,
}

/// One build under way.
pub(super) struct Bar<'a> {
    bar: ProgressBar,
    progress: &'a Progress,
}

impl Progress {
    /// On standard error.
    pub(crate) fn new(detail: Detail) -> Progress {
        Progress { bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()), detail }
    }

    pub(super) fn start(&self, functions: &[&str]) -> Bar<'_> {
        let bar = self.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(format!("building {}", functions.join(", ")));
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar { bar, progress: self }
    }

    pub(super) fn done(&self, name: &str, outcome: &Outcome) {
        let unchanged = matches!(outcome, Outcome::Built(built) if built.took.is_none());
        if !(unchanged && self.detail == Detail::Changes) {
            self.line(&describe(name, outcome, self.detail == Detail::Everything));
        }
    }

    /// All bars are gone afterwards.
    pub(super) fn end(&self) {
        // A terminal that cannot be cleared has worse troubles than a bar.
        let _ = self.bars.clear();
    }

    fn line(&self, text: &str) {
        self.bars.suspend(|| crate::say::say!("{}", text.trim_end()));
    }
}

impl Bar<'_> {
    pub(super) fn say(&self, text: &str) {
        self.progress.line(text);
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// An outcome in a few lines.
fn describe(name: &str, outcome: &Outcome, verbose: bool) -> String {
    match outcome {
        Outcome::Remote => format!("{} comes from a registry", bold(name)),
        Outcome::Built(built) => built_lines(name, built, verbose),
        Outcome::Failed(failure) => {
            let line =
                if failure.line.is_empty() { String::new() } else { format!("  $ {}\n", failure.line) };
            format!(
                "{} {}: {}\n{line}{}",
                bad("failed"),
                bold(name),
                failure.why,
                indented(&failure.output, 2)
            )
        }
    }
}

fn built_lines(name: &str, built: &Built, verbose: bool) -> String {
    let found = &built.inspection;
    let how = match built.took {
        Some(took) => format!("{} {} in {}", good("built"), bold(name), duration(took)),
        None => format!("{} {}", dim("unchanged"), bold(name)),
    };
    let wasi =
        if found.wasi.is_empty() { "no WASI".to_owned() } else { format!("WASI {}", found.wasi.join(", ")) };
    let mut text = format!("{how}\n  {}, {} {wasi}, {}\n", size(found.bytes), found.kind, found.digest);
    if !built.ungranted.is_empty() {
        let kinds = built.ungranted.join(", ");
        text += &format!("  {} no grant for what it imports: {kinds}; calls are refused\n", warning("note"));
    }
    if verbose {
        text += &indented(&built.output, 2);
    }
    text
}
