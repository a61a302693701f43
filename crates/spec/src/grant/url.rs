//! What an `http` grant names: methods, and URLs by scheme, host, port and path.

use super::host::HostPattern;
use super::ports::{Bracketed, Ports, split};
use super::url_path::PathPattern;
use crate::line::{Flaw, Quoted, Word};
use std::collections::BTreeSet;
use std::fmt;

/// HTTP methods: a list such as `GET,POST`, or `*` for any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Methods {
    /// `*`: any method but `CONNECT`, which opens a tunnel and is no request for a URL.
    Any,
    /// These methods; never empty.
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

    pub(crate) fn parse(word: &Word) -> Result<Self, Flaw> {
        if word.text == "*" {
            return Ok(Self::Any);
        }
        if word.text.contains("://") {
            return Err(
                word.flaw("no method before the URL", format!("write http GET {} or http * …", word.text))
            );
        }
        let list: Result<BTreeSet<String>, Flaw> = word.text.split(',').map(|m| method(m, word)).collect();
        list.map(Self::These)
    }
}

const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"];

fn method(text: &str, word: &Word) -> Result<String, Flaw> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) || text.contains('*') {
        return Err(
            word.flaw(format!("{text:?} is not a method"), "write GET, a list GET,POST, or * for any")
        );
    }
    let upper = text.to_ascii_uppercase();
    if upper == "CONNECT" {
        return Err(word.flaw("CONNECT opens a tunnel", "write tcp connect HOST:PORT"));
    }
    if upper != text && KNOWN.contains(&upper.as_str()) {
        return Err(word.flaw(format!("the method {text:?} in lower case"), format!("write {upper}")));
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

/// `http` or `https`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port a URL without one means.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The URLs of an `http` grant: `https://*.example.com:8443/v1/*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UrlPattern {
    /// `http` or `https`; never both.
    pub scheme: Scheme,
    /// The host.
    pub host: HostPattern,
    /// The ports; the scheme's own unless written.
    pub ports: Ports,
    /// The path.
    pub path: PathPattern,
}

impl UrlPattern {
    /// True when every URL of `other` is one of `self`.
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.host.covers(&other.host)
            && self.ports.covers(&other.ports)
            && self.path.covers(&other.path)
    }

    /// The URLs that both name.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        (self.scheme == other.scheme).then_some(())?;
        Some(Self {
            scheme: self.scheme,
            host: self.host.meet(&other.host)?,
            ports: self.ports.meet(&other.ports)?,
            path: self.path.meet(&other.path)?,
        })
    }

    pub(crate) fn parse(word: &Word) -> Result<Self, Flaw> {
        let (scheme, rest) = scheme(word)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let end = if rest.starts_with('[') {
            rest.find(']').map_or(end, |i| i + rest[i..].find('/').unwrap_or(rest.len() - i))
        } else {
            end
        };
        let (authority, path) = rest.split_at(end);
        if authority.contains('@') {
            return Err(word.flaw(
                "a user name in the URL",
                "leave out what stands before the @; a secret is a grant of its own",
            ));
        }
        if path.is_empty() {
            let remedy = format!("write {}/* for every path, or {}/ for the root only", word.text, word.text);
            return Err(word.flaw("no path", remedy));
        }
        let (host, ports) = split(authority).map_err(|e| e.at(word.at.clone()))?;
        let ports = match ports {
            Some(ports) => Ports::parse(ports).map_err(|e| e.at(word.at.clone()))?,
            None => default_ports(scheme),
        };
        let host = host.parse().map_err(|e: super::host::HostError| e.at(word.at.clone()))?;
        let path = PathPattern::parse(path).map_err(|e| word.flaw(e.what, e.remedy))?;
        Ok(Self { scheme, host, ports, path })
    }
}

fn default_ports(scheme: Scheme) -> Ports {
    Ports::single(scheme.default_port()).unwrap_or_else(Ports::all)
}

fn scheme(word: &Word) -> Result<(Scheme, &str), Flaw> {
    let Some((scheme, rest)) = word.text.split_once("://") else {
        let path = if word.text.contains('/') { "" } else { "/*" };
        return Err(word.flaw("no scheme", format!("write https://{}{path}", word.text)));
    };
    match scheme {
        "https" => Ok((Scheme::Https, rest)),
        "http" => Ok((Scheme::Http, rest)),
        "*" => {
            Err(word
                .flaw("a scheme is never *", "write one grant for https:// and, if needed, one for http://"))
        }
        other => Err(word.flaw(format!("the scheme {other:?}"), "write https:// or http://")),
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}://{}", self.scheme, Bracketed(&self.host, true));
        if self.ports != default_ports(self.scheme) {
            text += &format!(":{}", self.ports);
        }
        text += &self.path.to_string();
        Quoted(&text).fmt(f)
    }
}
