//! Splitting a line into words, with quotes and escapes.

use super::show::needs_escape;
use super::{Flaw, LINE_BYTES_MAX, Word};

/// Splits a line into words; quotes may open and close inside a word (`NAME="a b"`).
pub(crate) fn words(line: &str) -> Result<Vec<Word>, Flaw> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Flaw::new(
            0..0,
            format!("{} bytes in one line", line.len()),
            "the longest line has 64 KiB",
        ));
    }
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
