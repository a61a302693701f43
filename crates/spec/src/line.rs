//! One line of text: its words, its quoting, and errors that point into it.
//!
//! Grants and triggers are lines of words. A word that holds a blank, a quote, a backslash or a control
//! character is written in double quotes with escapes, so that every value survives `parse ∘ print`.

use crate::invalid::Invalid;
use std::fmt::{self, Write as _};
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

/// The line with `^^^` under `at`, indented by two blanks; of a long line the part round `at`.
pub(crate) fn caret(line: &str, at: &Range<usize>) -> String {
    let (before, marked) = (&line[..at.start], &line[at.clone()]);
    let (before, marked, after) = (tail(before), head(marked), head(&line[at.end..]));
    let width = marked.chars().count().max(1);
    let after = if marked.ends_with('…') { "" } else { after.as_str() };
    format!("  {before}{marked}{after}\n  {}{}", " ".repeat(before.chars().count()), "^".repeat(width))
}

/// The most characters that are shown on each side of a fault.
const CONTEXT_CHARS_MAX: usize = 60;

fn head(text: &str) -> String {
    let mut shown: String = text.chars().take(CONTEXT_CHARS_MAX).map(visible).collect();
    if text.chars().nth(CONTEXT_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn tail(text: &str) -> String {
    match text.char_indices().rev().nth(CONTEXT_CHARS_MAX - 1) {
        Some((start, _)) if start > 0 => {
            std::iter::once('…').chain(text[start..].chars().map(visible)).collect()
        }
        _ => text.chars().map(visible).collect(),
    }
}

fn visible(c: char) -> char {
    if needs_escape(c) { ' ' } else { c }
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
        Self { at, what: what.into(), remedy: remedy.into() }
    }
}

/// A word of a line: its meaning without quotes, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
}

impl Word {
    pub(crate) fn read<T: FromStr<Err = Invalid>>(&self) -> Result<T, Flaw> {
        self.text.parse().map_err(|error: Invalid| error.at(self.at.clone()))
    }

    pub(crate) fn flaw(&self, what: impl Into<String>, remedy: impl Into<String>) -> Flaw {
        Flaw::new(self.at.clone(), what, remedy)
    }
}

/// Splits a line into words; quotes may open and close inside a word (`NAME="a b"`).
pub(crate) fn words(line: &str) -> Result<Vec<Word>, Flaw> {
    let mut words = Vec::new();
    let mut chars = line.char_indices().peekable();
    while let Some(&(start, c)) = chars.peek() {
        if c == ' ' || c == '\t' {
            chars.next();
            continue;
        }
        words.push(word(line, start, &mut chars)?);
    }
    Ok(words)
}

type Chars<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn word(line: &str, start: usize, chars: &mut Chars<'_>) -> Result<Word, Flaw> {
    let mut text = String::new();
    let mut end = start;
    while let Some(&(i, c)) = chars.peek() {
        match c {
            ' ' | '\t' => break,
            '"' => {
                chars.next();
                quoted(line, i, chars, &mut text)?;
            }
            _ => {
                chars.next();
                text.push(plain(i, c)?);
            }
        }
        end = chars.peek().map_or(line.len(), |&(next, _)| next);
    }
    Ok(Word { text, at: start..end })
}

fn plain(i: usize, c: char) -> Result<char, Flaw> {
    let at = i..i + c.len_utf8();
    if c == '\\' {
        return Err(Flaw::new(
            at,
            "a backslash outside quotes",
            "put the word in double quotes and write \\\\",
        ));
    }
    if needs_escape(c) || c.is_whitespace() {
        let what = format!("an invisible character (U+{:04X})", c as u32);
        return Err(Flaw::new(at, what, "put the word in double quotes and write it as an escape, e.g. \\n"));
    }
    Ok(c)
}

fn quoted(line: &str, open: usize, chars: &mut Chars<'_>, text: &mut String) -> Result<(), Flaw> {
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => text.push(escape(line, i, chars)?),
            c if needs_escape(c) => return plain(i, c).map(|_| ()),
            c => text.push(c),
        }
    }
    Err(Flaw::new(open..line.len(), "a quote that is never closed", "close it with \""))
}

fn escape(line: &str, i: usize, chars: &mut Chars<'_>) -> Result<char, Flaw> {
    let c = match chars.next().map(|(_, c)| c) {
        Some('n') => Some('\n'),
        Some('t') => Some('\t'),
        Some('r') => Some('\r'),
        Some(c @ ('"' | '\\')) => Some(c),
        Some('u') => unicode(chars),
        _ => None,
    };
    let end = chars.peek().map_or(line.len(), |&(next, _)| next);
    c.ok_or_else(|| {
        Flaw::new(
            i..end,
            "an unknown escape",
            "known are \\\" \\\\ \\n \\t \\r and \\u{…} with 1 to 6 hex digits",
        )
    })
}

fn unicode(chars: &mut Chars<'_>) -> Option<char> {
    chars.next_if(|&(_, c)| c == '{')?;
    let mut digits = String::new();
    while let Some((_, c)) = chars.next_if(|&(_, c)| c.is_ascii_hexdigit()) {
        digits.push(c);
    }
    chars.next_if(|&(_, c)| c == '}')?;
    if digits.len() > 6 {
        return None;
    }
    u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
}

/// Control characters, and those that reorder or hide text: a reviewer must see what a line says.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{AD}')
}

/// A word as it is printed: plain where that is readable, quoted where it must be.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| !(c.is_whitespace() || needs_escape(c) || c == '"' || c == '\\');
        if self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        Shown(self.0).fmt(f)
    }
}

/// A text in double quotes with escapes, whatever it holds.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '\r' => f.write_str("\\r")?,
                c if needs_escape(c) => write!(f, "\\u{{{:x}}}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

fn floor_boundary(line: &str, mut at: usize) -> usize {
    at = at.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}
