//! A guest that does everything to get out of its folders, against both walls, and against the second one alone.
//!
//! Each case runs twice where the binary under test can: with WASI's own checks in place, and with them bypassed,
//! so that only Landlock stands between the guest and the canary. The bypass exists in a test build alone, which is
//! built here with the features `bypass-wasi-fs-checks` and `escape`.

#[path = "../common/mod.rs"]
mod common;

mod escapes;
mod names;
mod nodes;
mod races;
mod read_only;
mod world;
