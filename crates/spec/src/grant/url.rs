//! The URLs of an `http` grant: scheme, host, ports and path.

use super::authority::{Bracketed, host_and_optional_ports};
use super::url_path::PathPattern;
use super::{HostPattern, Ports};
use crate::invalid::Invalid;
use crate::line::{Flaw, Quoted, Word};
use std::fmt;

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

    /// The port that a URL without one means.
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        self.meet(other).as_ref() == Some(other)
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
        let (authority, path) = rest.split_at(authority_end(rest));
        let start = word.text.len() - rest.len();
        let at_authority = word.part(start..start + authority.len());
        let at_path = word.part(start + authority.len()..word.text.len());
        if authority.contains('@') {
            let remedy = "leave out what stands before the @; a password is a secret";
            return Err(Flaw::new(at_authority, "a user name in the URL", remedy));
        }
        if authority.is_empty() {
            return Err(Flaw::new(
                at_authority,
                "no host",
                "write a name such as api.example.com, or an address",
            ));
        }
        if path.is_empty() {
            let remedy = format!("write {0}/* for every path, or {0}/ for the root only", word.text);
            return Err(Flaw::new(at_path, "no path", remedy));
        }
        let path = PathPattern::parse(path).map_err(|error| error.at(at_path))?;
        let (host, ports) =
            host_and_optional_ports(authority).map_err(|error| error.at(at_authority.clone()))?;
        let ports = ports.unwrap_or_else(|| default_ports(scheme));
        check_internal(scheme, &host, &ports).map_err(|error| error.at(at_authority))?;
        Ok(Self { scheme, host, ports, path })
    }
}

/// A call to another app never leaves the machine: there is no TLS on the way, and no port.
fn check_internal(scheme: Scheme, host: &HostPattern, ports: &Ports) -> Result<(), Invalid> {
    if !host.is_internal() {
        return Ok(());
    }
    host.check_apps()?;
    if scheme == Scheme::Http && *ports == default_ports(Scheme::Http) {
        return Ok(());
    }
    let what = "apps of a node are called by http on port 80 alone: it never leaves the machine";
    Err(Invalid::new(what, format!("write http://{host}/…")))
}

fn default_ports(scheme: Scheme) -> Ports {
    Ports::single(scheme.default_port()).unwrap_or_else(Ports::all)
}

/// Where the path, query or fragment starts; a range in brackets has a slash of its own.
fn authority_end(rest: &str) -> usize {
    let brackets = if rest.starts_with('[') { rest.find(']').unwrap_or(0) } else { 0 };
    rest[brackets..].find(['/', '?', '#']).map_or(rest.len(), |i| brackets + i)
}

fn scheme(word: &Word) -> Result<(Scheme, &str), Flaw> {
    let Some((scheme, rest)) = word.text.split_once("://") else {
        let bare = word.text.trim_start_matches('/');
        let path = if bare.contains('/') { "" } else { "/*" };
        return Err(word.flaw("no scheme", format!("write https://{bare}{path}")));
    };
    match scheme {
        "https" => Ok((Scheme::Https, rest)),
        "http" => Ok((Scheme::Http, rest)),
        "*" => Err(word
            .flaw("a scheme is never *", "write a grant for https:// and, if it must be, one for http://")),
        other => Err(word.flaw(format!("the scheme {other:?}"), "write https:// or http://")),
    }
}

impl fmt::Display for UrlPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}://{}", self.scheme, Bracketed { host: &self.host, url: true });
        if self.ports != default_ports(self.scheme) {
            text.push_str(&format!(":{}", self.ports));
        }
        text.push_str(&self.path.to_string());
        Quoted(&text).fmt(f)
    }
}
