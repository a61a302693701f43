//! Patterns of URL paths.

use super::canonical::{REMEDY, canonical_path, canonical_text};
use crate::invalid::Invalid;
use std::fmt;

/// One segment of a [`PathPattern`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// `v1`: this segment, in canonical spelling.
    Literal(String),
    /// `*` before another segment: any one segment that is not empty and holds no encoded slash.
    One,
}

/// The paths of a grant or of a route: `/v1/users`, `/v1/*/items`, `/v1/*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern {
    /// The segments after the first slash.
    pub segments: Vec<Segment>,
    /// True for a `*` at the end: everything below, also nothing (`/v1/*` has `/v1/` but not `/v1`).
    pub rest: bool,
}

impl PathPattern {
    /// Reads a pattern; it must start with a slash and hold no query.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fail = |what: &str, remedy| Err(Invalid::new(what, remedy));
        if text.contains('?') {
            return fail("a query in the path", "leave it out: any query goes with the path");
        }
        if text.contains('#') {
            return fail("a fragment in the path", "leave it out: it is never sent");
        }
        let Some(tail) = text.strip_prefix('/') else {
            return fail("the path does not start with a slash", REMEDY);
        };
        let mut segments = Vec::new();
        for raw in tail.split('/') {
            segments.push(segment(raw)?);
        }
        let rest = segments.last() == Some(&Segment::One);
        if rest {
            segments.pop();
        }
        Ok(Self { segments, rest })
    }

    /// True when the pattern names this path of a request. A query or fragment behind it is left aside; an
    /// ambiguous path is named by no pattern.
    pub fn matches(&self, path: &str) -> bool {
        canonical_path(path).is_ok_and(|path| self.matches_canonical(&path))
    }

    /// Like [`Self::matches`] for what [`canonical_path`] returned.
    pub fn matches_canonical(&self, path: &str) -> bool {
        let Some(tail) = path.strip_prefix('/') else { return false };
        let mut parts = tail.split('/');
        for own in &self.segments {
            match (own, parts.next()) {
                (Segment::Literal(own), Some(part)) if own == part => {}
                (Segment::One, Some(part)) if is_one_segment(part) => {}
                _ => return false,
            }
        }
        if self.rest { parts.next().is_some() } else { parts.next().is_none() }
    }

    /// True when every path of `other` is one of `self`.
    pub fn covers(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(other)
    }

    /// The paths that both name.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let (short, long) =
            if self.segments.len() <= other.segments.len() { (self, other) } else { (other, self) };
        let longer = long.segments.len() > short.segments.len();
        if longer && !short.rest {
            return None;
        }
        let mut segments = Vec::with_capacity(long.segments.len());
        for (a, b) in short.segments.iter().zip(&long.segments) {
            segments.push(meet_segments(a, b)?);
        }
        segments.extend_from_slice(&long.segments[short.segments.len()..]);
        match (longer, short.rest, long.rest) {
            (true, _, rest) => Some(Self { segments, rest }),
            (false, a, b) if a == b => Some(Self { segments, rest: a }),
            (false, _, _) => None,
        }
    }
}

fn meet_segments(a: &Segment, b: &Segment) -> Option<Segment> {
    match (a, b) {
        (Segment::One, Segment::One) => Some(Segment::One),
        (Segment::Literal(x), Segment::Literal(y)) => (x == y).then(|| a.clone()),
        (Segment::One, literal @ Segment::Literal(text))
        | (literal @ Segment::Literal(text), Segment::One) => is_one_segment(text).then(|| literal.clone()),
    }
}

fn is_one_segment(part: &str) -> bool {
    !part.is_empty() && !part.contains("%2F")
}

fn segment(raw: &str) -> Result<Segment, Invalid> {
    if raw == "*" {
        return Ok(Segment::One);
    }
    if raw.contains('*') {
        let what = format!("a * inside the segment {raw:?}");
        return Err(Invalid::new(
            what,
            "a * stands for a whole segment, or at the end for all below; write %2A for the character",
        ));
    }
    Ok(Segment::Literal(canonical_text(raw)?.into_owned()))
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(f, "/{text}")?,
                Segment::One => f.write_str("/*")?,
            }
        }
        if self.rest { f.write_str("/*") } else { Ok(()) }
    }
}
