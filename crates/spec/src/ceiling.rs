//! Ceilings: the most that an app on this machine, or of this tenant, can get.

use crate::grant::GrantSet;
use crate::limits::{LimitOverrides, Limits, Lowered, Profile};
use std::fmt;

/// What to do with an app that asks for more than the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Refuse it.
    #[default]
    Strict,
    /// Give it what lies under the ceiling, and say what is missing.
    Narrow,
}

/// The most that an app can get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// The most it may do.
    pub grants: GrantSet,
    /// The most it may use up; a limit that is not written is not restricted.
    pub limits: LimitOverrides,
    /// What to do when it asks for more.
    pub mode: Mode,
}

/// What an app gets under a ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// What it may do.
    pub grants: GrantSet,
    /// What it may use up.
    pub limits: Limits,
    /// What it asked for and did not get.
    pub difference: Difference,
}

/// What an app asked for above a ceiling; prints one line for each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// The grants that the ceiling does not cover.
    pub grants: Vec<Narrowed>,
    /// The limits that are above it.
    pub limits: Vec<Lowered>,
}

/// A grant above the ceiling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// The grant as it was asked for.
    pub asked: String,
    /// What is left of it under the ceiling; empty when nothing is.
    pub left: GrantSet,
}

/// A strict ceiling refused an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("asks for more than the ceiling allows:\n{0}ask for less, or raise the ceiling")]
pub struct AboveCeiling(pub Difference);

impl Ceiling {
    /// What an app that asks for these grants and limits gets.
    ///
    /// Defaults above the ceiling are lowered in both modes: nobody asked for them.
    pub fn apply(
        &self,
        grants: &GrantSet,
        limits: &LimitOverrides,
        profile: Profile,
    ) -> Result<Effective, AboveCeiling> {
        let difference = self.difference(grants, limits);
        if self.mode == Mode::Strict && !difference.is_empty() {
            return Err(AboveCeiling(difference));
        }
        let (limits, _) = limits.resolve(profile).clamp(&self.limits);
        Ok(Effective { grants: grants.meet(&self.grants), limits, difference })
    }

    /// What these grants and limits ask for above the ceiling.
    pub fn difference(&self, grants: &GrantSet, limits: &LimitOverrides) -> Difference {
        let above = grants.uncovered_by(&self.grants);
        let narrowed = above.iter().map(|(id, grant)| Narrowed {
            asked: id.text().to_owned(),
            left: GrantSet::new([grant.clone()]).meet(&self.grants),
        });
        Difference { grants: narrowed.collect(), limits: limits.above(&self.limits) }
    }
}

impl Difference {
    /// True when nothing was above the ceiling.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.limits.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Narrowed { asked, left } in &self.grants {
            writeln!(f, "- {asked}")?;
            for (id, _) in left.iter() {
                writeln!(f, "+ {id}")?;
            }
        }
        self.limits.iter().try_for_each(|lowered| writeln!(f, "{lowered}"))
    }
}
