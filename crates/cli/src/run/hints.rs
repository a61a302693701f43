//! What a user most likely meant.

use crate::notice;
use crate::plan::Plan;

/// Flags of `tombolo run` that somebody may write behind the program by mistake.
const OWN_FLAGS: [&str; 10] = [
    "--grant",
    "--dir",
    "--env",
    "--secret",
    "--data",
    "--limit",
    "--report",
    "--audit",
    "--sandbox",
    "--no-cache",
];

/// Says once that a flag behind the program is the program's, and what the right order is.
///
/// An argument never becomes a grant, so the program keeps it.
pub(super) fn misplaced_flags(plan: &Plan) {
    let Some(first) = plan.arguments.get(1) else { return };
    let flag = first.split('=').next().unwrap_or_default();
    if OWN_FLAGS.contains(&flag) {
        let value =
            if first.contains('=') || first == "--report" || first == "--no-cache" { "" } else { " …" };
        notice!(
            "{first} went to the program, as all that follows it does; tombolo's own flags stand before the \
             program: tombolo run {first}{value} {}",
            plan.program.display()
        );
    }
}
