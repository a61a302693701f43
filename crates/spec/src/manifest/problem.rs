//! Problems of a manifest: all of them, each with its place and its remedy.

use crate::line::{caret, message};
use std::fmt;
use std::ops::Range;

/// One problem of a manifest.
///
/// `{}` prints `file:line:col: what: why; remedy`; `{:#}` adds the line with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The manifest's name as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, with what, and why.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Empty for what is missing from the whole document.
    caret: String,
}

/// All problems of a manifest, in the order of the text; at least one.
///
/// `{}` prints one line for each; `{:#}` shows each line of the manifest with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }

    /// The number of problems.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup();
        Self(problems)
    }
}

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        Ok(())
    }
}

/// A document's text and where its lines start.
pub(super) struct Lines<'t> {
    pub(super) text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let behind = text.match_indices('\n').map(|(i, _)| i + 1);
        Self { text, starts: std::iter::once(0).chain(behind).collect() }
    }

    /// The line, from 1, that a place is in.
    pub(super) fn number(&self, place: usize) -> usize {
        self.starts.partition_point(|start| *start <= place)
    }

    /// A problem at these bytes; of a span over several lines only the first one is shown.
    pub(super) fn problem(&self, file: &str, span: Range<usize>, what: String, remedy: String) -> Problem {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end).max(start);
        let line = self.number(start);
        let line_start = self.starts.get(line - 1).copied().unwrap_or_default();
        let shown = self.text[line_start..].lines().next().unwrap_or_default();
        let at = (start - line_start).min(shown.len())..(end - line_start).min(shown.len());
        let column = self.text[line_start..start].chars().count() + 1;
        let caret = if span == (0..0) { String::new() } else { caret(shown, &at) };
        Problem { file: file.to_owned(), line, column, what: message(what), remedy: message(remedy), caret }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, remedy, .. } = self;
        write!(f, "{file}:{line}:{column}: {what}; {remedy}")?;
        if f.alternate() && !self.caret.is_empty() { write!(f, "\n{}", self.caret) } else { Ok(()) }
    }
}
