//! Paths of URLs: one canonical spelling, and patterns over it.
//!
//! Two programs that read one path differently are how a filter is walked around, so a path that can be read
//! in two ways is never permitted: dot segments, plain or percent-encoded, also before a `;`; backslashes;
//! control characters; and dots, slashes, backslashes or percent signs that are encoded twice.

use crate::invalid::Invalid;
use std::borrow::Cow;
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern {
    /// The segments after the first slash.
    pub segments: Vec<Segment>,
    /// True for a `*` at the end: everything below, also nothing (`/v1/*` has `/v1/` but not `/v1`).
    pub rest: bool,
}

const REMEDY: &str = "write the path in its plain form, e.g. /v1/users or /v1/*";

impl PathPattern {
    /// Reads a pattern; it must start with a slash and hold no query.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fail = |what: &str, remedy| Err(Invalid::new(what, remedy));
        if text.contains('?') {
            return fail(
                "a query in the path",
                "leave it out: a grant names paths, and any query goes with them",
            );
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

/// The canonical spelling of a request's path: unreserved characters plain, others percent-encoded in upper
/// case (RFC 3986, 6.2.2), `*` as `%2A`; without query. Fails on a path that can be read in two ways.
pub fn canonical_path(path: &str) -> Result<Cow<'_, str>, Invalid> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(Invalid::new("the path does not start with a slash", REMEDY));
    }
    canonical_text(path)
}

fn canonical_text(text: &str) -> Result<Cow<'_, str>, Invalid> {
    refuse_ambiguous(text)?;
    if text.bytes().all(|b| is_plain(b) || b == b'/') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b == b'%' {
            let byte = escape(&mut bytes).ok_or_else(|| ambiguous(text, "a % that is no escape"))?;
            if is_unreserved(byte) { out.push(byte.into()) } else { push_escape(&mut out, byte) }
        } else if is_plain(b) || b == b'/' {
            out.push(b.into());
        } else {
            push_escape(&mut out, b);
        }
    }
    Ok(Cow::Owned(out))
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(HEX[usize::from(byte >> 4)].into());
    out.push(HEX[usize::from(byte & 15)].into());
}

fn escape(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16);
    let high = digit(bytes.next()?)?;
    let low = digit(bytes.next()?)?;
    u8::try_from(high * 16 + low).ok()
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}

/// Characters that stand for themselves in a path (RFC 3986 `pchar`), but for `*`, which patterns use.
fn is_plain(b: u8) -> bool {
    is_unreserved(b) || b"!$&'()+,;=:@".contains(&b)
}

fn ambiguous(text: &str, why: &str) -> Invalid {
    Invalid::new(format!("the path {text:?} has {why}"), REMEDY)
}

fn refuse_ambiguous(text: &str) -> Result<(), Invalid> {
    let decoded = decode(text.as_bytes());
    if decoded.iter().any(|b| *b < 0x20 || *b == 0x7f) {
        return Err(ambiguous(text, "a control character"));
    }
    if decoded.contains(&b'\\') {
        return Err(ambiguous(text, "a backslash, which some servers read as a slash"));
    }
    let twice = decode(&decoded);
    if twice.len() != decoded.len() && encoded_twice(&decoded) {
        return Err(ambiguous(text, "a dot, slash, backslash or percent sign that is encoded twice"));
    }
    if decoded.split(|b| *b == b'/').any(is_dots) {
        return Err(ambiguous(text, "a . or .. segment"));
    }
    Ok(())
}

fn encoded_twice(decoded: &[u8]) -> bool {
    decoded.windows(3).any(|w| matches!(w.to_ascii_uppercase().as_slice(), b"%2E" | b"%2F" | b"%5C" | b"%25"))
}

/// Some servers cut `;parameters` off a segment before they look for dots.
fn is_dots(segment: &[u8]) -> bool {
    let name = segment.split(|b| *b == b';').next().unwrap_or_default();
    name == b"." || name == b".."
}

fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&b, tail)) = rest.split_first() {
        let hex = |b: &u8| (*b as char).to_digit(16);
        match (b, tail.first().and_then(hex), tail.get(1).and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(b);
                rest = tail;
            }
        }
    }
    out
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
