//! HTTP methods of a grant or a route.

use crate::line::{Flaw, Word};
use std::collections::BTreeSet;
use std::fmt;

/// HTTP methods: a list such as `GET,POST`, or `*` for any. `GET` does not include `HEAD`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Methods {
    /// `*`: any method but `CONNECT`, which opens a tunnel and is no request for a URL.
    Any,
    /// These methods; never empty, never with `CONNECT`.
    These(BTreeSet<String>),
}

impl Methods {
    /// True when the set holds this method; methods are case-sensitive (RFC 9110, 9.1).
    pub fn contains(&self, method: &str) -> bool {
        match self {
            Self::Any => method != "CONNECT",
            Self::These(list) => list.contains(method),
        }
    }

    /// True when `self` holds every method of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(other)
    }

    /// The methods in both sets.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, x) | (x, Self::Any) => Some(x.clone()),
            (Self::These(a), Self::These(b)) => {
                let both: BTreeSet<String> = a.intersection(b).cloned().collect();
                (!both.is_empty()).then_some(Self::These(both))
            }
        }
    }

    /// One set for each method; `*` stays whole.
    pub(super) fn singles(&self) -> Vec<Self> {
        match self {
            Self::Any => vec![Self::Any],
            Self::These(list) => {
                list.iter().map(|method| Self::These(BTreeSet::from([method.clone()]))).collect()
            }
        }
    }

    pub(crate) fn parse(word: &Word) -> Result<Self, Flaw> {
        if word.text == "*" {
            return Ok(Self::Any);
        }
        let list: Result<BTreeSet<String>, Flaw> =
            word.text.split(',').map(|text| method(text, word)).collect();
        list.map(Self::These)
    }
}

const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"];

/// Letters, digits, `-` and `_`: all methods in the IANA registry, and less than RFC 9110 allows, so that a
/// host in the place of the methods is recognised.
fn method(text: &str, word: &Word) -> Result<String, Flaw> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || !text.bytes().all(token) {
        return Err(
            word.flaw(format!("{text:?} is not a method"), "write GET, a list GET,POST, or * for any")
        );
    }
    let upper = text.to_ascii_uppercase();
    if upper == "CONNECT" {
        return Err(word.flaw("CONNECT opens a tunnel", "write tcp connect HOST:PORT"));
    }
    if upper != text && KNOWN.contains(&upper.as_str()) {
        return Err(word.flaw(format!("the method {text:?} is not in capitals"), format!("write {upper}")));
    }
    Ok(text.to_owned())
}

impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::These(list) => f.write_str(&list.iter().map(String::as_str).collect::<Vec<_>>().join(",")),
        }
    }
}
