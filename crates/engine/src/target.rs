//! The machine types that code can be compiled for.

use std::fmt;
use std::str::FromStr;

/// A machine type, named by its target triple. Only types that the compiler in this binary knows can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(&'static str);

/// Every target, as `tombolo compile --target` accepts it. `pulley32` and `pulley64` are the interpreter's code.
const TARGETS: [&str; 8] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
    "riscv64gc-unknown-linux-gnu",
    "s390x-unknown-linux-gnu",
    "pulley32",
    "pulley64",
];

impl Target {
    /// The target's triple.
    pub fn triple(self) -> &'static str {
        self.0
    }

    /// All targets, in the order in which help texts list them.
    pub fn all() -> impl Iterator<Item = Target> {
        TARGETS.into_iter().map(Target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A target triple that this binary cannot compile for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown target {0:?}; use one of: {list}", list = TARGETS.join(", "))]
pub struct UnknownTarget(String);

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Target, UnknownTarget> {
        Target::all().find(|target| target.0 == text).ok_or_else(|| UnknownTarget(text.to_owned()))
    }
}
