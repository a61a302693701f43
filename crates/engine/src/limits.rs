//! What is said when a limit is hit.

use std::fmt;

use tombolo_spec::{LimitName, LimitValue, Limits};

/// A limit that was hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitHit {
    pub name: LimitName,
    /// The value that was in force.
    pub value: LimitValue,
}

impl LimitHit {
    /// The limit `name` of `limits`, hit.
    pub fn of(limits: &Limits, name: LimitName) -> LimitHit {
        LimitHit { name, value: limits.get(name) }
    }

    /// How to raise it.
    pub fn remedy(&self) -> String {
        self.name.remedy(self.value)
    }
}

impl fmt::Display for LimitHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit {}={} reached ({}); {}", self.name, self.value, self.name.doc(), self.remedy())
    }
}

impl std::error::Error for LimitHit {}
