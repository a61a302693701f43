//! The limits that somebody wrote.

use super::table::LIMITS;
use super::{LimitError, LimitName, LimitValue, Limits, Lowered, Profile, Unit};
use crate::invalid::Invalid;
use crate::line::{Flaw, SyntaxError};
use crate::units::{ByteSize, Rate, parse_duration};
use std::fmt;
use std::ops::Range;

/// The limits that somebody wrote; the others keep their defaults.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct LimitOverrides {
    pub(super) values: [Option<u64>; LIMITS],
}

impl LimitOverrides {
    /// True when nothing is written.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// What is written for a limit.
    pub fn get(&self, limit: LimitName) -> Option<LimitValue> {
        self.values[limit as usize].map(|raw| limit.value(Some(raw)))
    }

    /// What is written, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (LimitName, LimitValue)> {
        LimitName::all().filter_map(|limit| Some((limit, self.get(limit)?)))
    }

    /// Writes a limit from text such as `64MiB`; the last one written counts.
    pub fn set(&mut self, limit: LimitName, value: &str) -> Result<(), LimitError> {
        self.set_line(&format!("{limit}={value}"))
    }

    /// Writes a limit from a line such as `memory=64MiB`; the last one written counts.
    pub fn set_line(&mut self, line: &str) -> Result<(), LimitError> {
        let fail = |at: Range<usize>, error: Invalid| {
            Err(SyntaxError::new("limit", line, Flaw { at, what: error.what, remedy: error.remedy }))
        };
        let Some((name, value)) = line.split_once('=') else {
            let error = Invalid::new("no = behind the name", "write e.g. memory=64MiB");
            return fail(line.len()..line.len(), error);
        };
        let limit: LimitName = match name.parse() {
            Ok(limit) => limit,
            Err(error) => return fail(0..name.len(), error),
        };
        match read(limit, value) {
            Ok(raw) => self.values[limit as usize] = Some(raw),
            Err(error) => return fail(name.len() + 1..line.len(), error),
        }
        Ok(())
    }

    /// These limits over those of `base`: what is written here counts, then what is written there.
    pub fn over(&self, base: &Self) -> Self {
        let mut merged = self.clone();
        for (slot, below) in merged.values.iter_mut().zip(base.values) {
            *slot = slot.or(below);
        }
        merged
    }

    /// The smaller of both for each limit; one that only one side wrote is that side's. So two ceilings make one.
    pub fn meet(&self, other: &Self) -> Self {
        let mut met = self.clone();
        for (slot, theirs) in met.values.iter_mut().zip(other.values) {
            *slot = match (*slot, theirs) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        met
    }

    /// The written values that are above what `ceiling` writes.
    pub fn above(&self, ceiling: &Self) -> Vec<Lowered> {
        let above = |limit: LimitName| {
            let (own, most) = (self.values[limit as usize]?, ceiling.values[limit as usize]?);
            (own > most).then(|| Lowered { limit, from: limit.value(Some(own)), to: limit.value(Some(most)) })
        };
        LimitName::all().filter_map(above).collect()
    }

    /// All limits: what is written, else the default of the profile.
    pub fn resolve(&self, profile: Profile) -> Limits {
        let mut values = self.values;
        for limit in LimitName::all() {
            let slot = &mut values[limit as usize];
            *slot = slot.or(limit.default(profile).raw());
        }
        Limits { values }
    }
}

impl fmt::Debug for LimitOverrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Reads a value and refuses what makes no sense, with the reason.
fn read(limit: LimitName, text: &str) -> Result<u64, Invalid> {
    let raw = match limit.unit() {
        Unit::Bytes => text.parse::<ByteSize>()?.0,
        Unit::Rate => text.parse::<Rate>()?.0,
        Unit::Time => LimitValue::Time(parse_duration(text)?).raw().unwrap_or(u64::MAX),
        Unit::Count => count(text)?,
    };
    let (min, max) = limit.range();
    let fault = if raw == 0 {
        format!("nothing runs with a {limit} of zero")
    } else if raw < limit.row().min {
        format!("{text} is too little: {limit} is {}", limit.doc())
    } else if raw > limit.row().max {
        format!("{text} is more than makes sense: {limit} is {}", limit.doc())
    } else {
        return Ok(raw);
    };
    Err(Invalid::new(fault, format!("write a value from {min} to {max}, or leave it out for the default")))
}

fn count(text: &str) -> Result<u64, Invalid> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| Invalid::new(format!("{text:?} is no whole number"), "write digits only, e.g. 64"))
}
