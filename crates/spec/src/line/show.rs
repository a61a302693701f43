//! Printing words, and lines with a caret under a fault.

use std::fmt::{self, Write as _};
use std::ops::Range;

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

/// A message on one line: what it took over from others cannot break it or hide in it.
pub(crate) fn message(text: impl Into<String>) -> String {
    let text = text.into();
    if !text.contains(needs_escape) {
        return text;
    }
    text.chars().fold(String::new(), |mut shown, c| {
        if needs_escape(c) {
            shown.extend(c.escape_unicode())
        } else {
            shown.push(c)
        }
        shown
    })
}

/// What somebody else chose, fit for one line of a log: no longer than this, and with nothing in it that breaks the
/// line, moves a terminal's cursor or hides text. Done twice it changes nothing more.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut shown = message(text.chars().take(chars_max.saturating_add(1)).collect::<String>());
    if let Some((end, _)) = shown.char_indices().nth(chars_max) {
        // One character makes room for the sign that some are missing.
        shown.truncate(end);
        shown.pop();
        shown.push('…');
    }
    shown
}

/// True for a text that shows all its characters.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.contains(needs_escape)
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

/// Control characters, and those that reorder or hide text: a reviewer must see what a line says.
pub(super) fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_text_of_somebody_else_stays_on_its_line_and_has_an_end() {
        for (text, shown) in [
            ("dns a.example", "dns a.example"),
            ("a\nb\r\u{1b}[2J", "a\\u{a}b\\u{d}\\u{1b}[2J"),
            ("a\u{202e}b\u{2028}", "a\\u{202e}b\\u{2028}"),
            ("a\\u{a}", "a\\u{a}"),
        ] {
            assert_eq!(one_line(text, 64), shown);
            assert_eq!(one_line(shown, 64), shown);
        }
        assert_eq!(one_line("äöü", 3), "äöü");
        assert_eq!(one_line("äöüß", 3), "äö…");
        assert_eq!(one_line(&"\n".repeat(1000), 7), "\\u{a}\\…");
        assert_eq!(one_line("a", 0), "…");
    }
}
