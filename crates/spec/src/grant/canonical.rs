//! The one canonical spelling of a URL's path.
//!
//! Two programs that read one path differently are how a filter is walked around, so a path that can be read
//! in two ways is never permitted: dot segments, plain or percent-encoded, also before a `;`; backslashes;
//! control characters; and dots, slashes, backslashes or percent signs that are encoded twice.

use crate::invalid::Invalid;
use std::borrow::Cow;

pub(super) const REMEDY: &str = "write the path in its plain form, e.g. /v1/users or /v1/*";

/// The canonical spelling of a request's path: unreserved characters plain, others percent-encoded in upper
/// case (RFC 3986, 6.2.2), `*` as `%2A`; without query. Fails on a path that can be read in two ways.
pub fn canonical_path(path: &str) -> Result<Cow<'_, str>, Invalid> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(Invalid::new("the path does not start with a slash", REMEDY));
    }
    canonical_text(path)
}

pub(super) fn canonical_text(text: &str) -> Result<Cow<'_, str>, Invalid> {
    if text.bytes().all(|b| is_plain(b) || b == b'/') {
        return refuse_dots(text, text.as_bytes()).map(|()| Cow::Borrowed(text));
    }
    refuse_ambiguous(text)?;
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
    if decoded.windows(2).any(is_overlong) || decoded.contains(&0xC0) || decoded.contains(&0xC1) {
        return Err(ambiguous(text, "a character in a longer form than UTF-8 has for it"));
    }
    if decoded.contains(&b'\\') {
        return Err(ambiguous(text, "a backslash, which some servers read as a slash"));
    }
    if encoded_twice(&decoded) {
        return Err(ambiguous(text, "a dot, slash, backslash or percent sign that is encoded twice"));
    }
    refuse_dots(text, &decoded)
}

fn refuse_dots(text: &str, decoded: &[u8]) -> Result<(), Invalid> {
    let dots = decoded.split(|b| *b == b'/').any(is_dots);
    if dots { Err(ambiguous(text, "a . or .. segment")) } else { Ok(()) }
}

fn encoded_twice(decoded: &[u8]) -> bool {
    decoded
        .windows(3)
        .any(|w| matches!(w, [b'%', b'2', b'e' | b'E' | b'f' | b'F' | b'5'] | [b'%', b'5', b'c' | b'C']))
}

/// The start of a sequence that spends more bytes on a character than it needs (RFC 3629, 3): a lenient decoder
/// makes a dot or slash of it.
fn is_overlong(pair: &[u8]) -> bool {
    matches!(pair, [0xE0, 0x80..=0x9F] | [0xF0, 0x80..=0x8F])
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
