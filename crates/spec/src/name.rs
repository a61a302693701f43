//! Names of apps, functions, tenants, volumes, stores and secrets.

use crate::invalid::Invalid;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// A name: 1 to 63 of `a-z`, `0-9` and `-`, with a letter or digit at both ends (an RFC 1123 label).
///
/// So a name is never a path, never looks like a flag, and no two names look alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 63;

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(what) => Err(Invalid::new(what, remedy(text))),
        }
    }
}

fn fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("a name is empty".to_owned());
    }
    if let Some(c) = text.chars().find(|&c| !allowed(c)) {
        return Some(format!("the name {text:?} holds {}", describe(c)));
    }
    if text.len() > NAME_CHARS_MAX {
        return Some(format!("the name {text:?} has {} characters", text.len()));
    }
    (text.starts_with('-') || text.ends_with('-'))
        .then(|| format!("the name {text:?} starts or ends with a hyphen"))
}

fn allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn describe(c: char) -> String {
    match c {
        '/' | '\\' => "a path separator".to_owned(),
        c if c.is_ascii_uppercase() => format!("the capital {c:?}"),
        c if c.is_ascii() => format!("{c:?}"),
        c => format!("{c:?} (U+{:04X}), which is not ASCII", c as u32),
    }
}

fn remedy(text: &str) -> String {
    let guess: String = text.to_lowercase().chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    let guess = guess.trim_matches('-');
    let rule = format!("names are 1 to {NAME_CHARS_MAX} of a-z, 0-9 and -");
    if text.is_ascii() && !text.contains(['/', '\\']) && fault(guess).is_none() {
        format!("{rule}, e.g. {guess:?}")
    } else {
        rule
    }
}
