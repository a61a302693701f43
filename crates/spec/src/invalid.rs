//! The error of everything that is read from a single word.

use crate::line::{Flaw, message};
use std::ops::Range;

/// A text that is not what it should be: prints `what is wrong; what to write instead`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct Invalid {
    /// What is wrong, with the text itself.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl Invalid {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: message(what), remedy: message(remedy) }
    }

    pub(crate) fn at(self, at: Range<usize>) -> Flaw {
        Flaw { at, what: self.what, remedy: self.remedy }
    }
}
