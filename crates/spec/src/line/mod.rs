//! One line of text: its words, its quoting, and errors that point into it.
//!
//! Grants and triggers are lines of words. A word that holds a blank, a quote, a backslash or a control
//! character is written in double quotes with escapes, so that every value survives `parse ∘ print`.

mod show;
mod words;

pub use show::one_line;
pub(crate) use show::{Quoted, Shown, caret, is_visible, message};
pub(crate) use words::words;

use crate::invalid::Invalid;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The longest line, in bytes: beyond it nobody reads what it says.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// What is wrong with a line, where, and what to write instead.
///
/// `{}` prints one line; `{:#}` prints the line itself below it with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxError {
    /// What kind of line it was: `grant`, `trigger`, `limit`.
    pub subject: &'static str,
    /// The line as it was given.
    pub line: String,
    /// The bytes of `line` that are at fault; may be empty at the end of the line.
    pub at: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl SyntaxError {
    pub(crate) fn new(subject: &'static str, line: &str, flaw: Flaw) -> Self {
        let start = floor_boundary(line, flaw.at.start);
        let end = floor_boundary(line, flaw.at.end).max(start);
        Self { subject, line: line.to_owned(), at: start..end, what: flaw.what, remedy: flaw.remedy }
    }

    /// The place of the error as a column: 1 is the first character.
    pub fn column(&self) -> usize {
        self.line[..self.at.start].chars().count() + 1
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}; {}", self.subject, Shown(&self.line), self.what, self.remedy)?;
        if f.alternate() { write!(f, "\n{}", caret(&self.line, &self.at)) } else { Ok(()) }
    }
}

/// A fault found while reading a line, before it is known which kind of line it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: Range<usize>,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Flaw {
    pub(crate) fn new(at: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, what: message(what), remedy: message(remedy) }
    }
}

/// A word of a line: its meaning without quotes, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
}

impl Word {
    /// Where bytes of the word's text stand in the line; the whole word if quotes or escapes are between.
    pub(crate) fn part(&self, bytes: Range<usize>) -> Range<usize> {
        let plain = self.at.len() == self.text.len();
        if plain { self.at.start + bytes.start..self.at.start + bytes.end } else { self.at.clone() }
    }

    pub(crate) fn read<T: FromStr<Err = Invalid>>(&self) -> Result<T, Flaw> {
        self.text.parse().map_err(|error: Invalid| error.at(self.at.clone()))
    }

    pub(crate) fn flaw(&self, what: impl Into<String>, remedy: impl Into<String>) -> Flaw {
        Flaw::new(self.at.clone(), what, remedy)
    }
}

fn floor_boundary(line: &str, mut at: usize) -> usize {
    at = at.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}
