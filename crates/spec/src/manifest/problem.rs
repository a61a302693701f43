//! Problems of a manifest: all of them, each with its place and its remedy.

use crate::line::caret;
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
    start: usize,
    shown: String,
    at: Range<usize>,
}

/// All problems of a manifest, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// The problems; at least one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }

    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.start);
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

impl Problem {
    /// A problem at these bytes of `text`; a span over several lines counts for its first one.
    pub(super) fn new(file: &str, text: &str, span: Range<usize>, what: String, remedy: String) -> Self {
        let start = text.floor_char_boundary(span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line_end = line_start + text[line_start..line_end].trim_end_matches('\r').len();
        let at_end = text.floor_char_boundary(span.end).clamp(start, line_end.max(start));
        let at = start.min(line_end) - line_start..at_end.min(line_end) - line_start;
        Self {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            what,
            remedy,
            start,
            shown: text[line_start..line_end].to_owned(),
            at,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, what, remedy, .. } = self;
        write!(f, "{file}:{line}:{column}: {what}; {remedy}")?;
        if f.alternate() { write!(f, "\n{}", caret(&self.shown, &self.at)) } else { Ok(()) }
    }
}
