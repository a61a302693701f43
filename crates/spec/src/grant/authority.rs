//! `host:ports`, as it stands in connect grants and in URLs.

use super::{HostPattern, Ports};
use crate::invalid::Invalid;
use crate::line::{Flaw, Word};
use std::fmt;

/// Reads `host:ports`; an IPv6 address or range stands in brackets.
pub(super) fn host_and_ports(word: &Word) -> Result<(HostPattern, Ports), Flaw> {
    if word.text.contains("://") {
        return Err(word.flaw("a scheme before the host", "leave it out: write HOST:PORTS"));
    }
    if word.text.contains('@') {
        return Err(word.flaw("a user name before the host", "leave it out: write HOST:PORTS"));
    }
    match host_and_optional_ports(&word.text) {
        Ok((host, Some(ports))) => Ok((host, ports)),
        Ok((_, None)) => Err(word.flaw("no port", format!("write the port too, e.g. {}:443", word.text))),
        Err(error) => Err(error.at(word.at.clone())),
    }
}

/// Reads `host` or `host:ports`.
pub(super) fn host_and_optional_ports(text: &str) -> Result<(HostPattern, Option<Ports>), Invalid> {
    let (host, ports) = split(text)?;
    Ok((host.parse()?, ports.map(Ports::parse).transpose()?))
}

const BRACKETS: &str = "put an IPv6 address, and only the address, in brackets: [fd00::1]:443";

/// Splits `host[:ports]` and takes the brackets off.
fn split(text: &str) -> Result<(&str, Option<&str>), Invalid> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(Invalid::new("a [ without ]", BRACKETS));
        };
        if !host.contains([':', '/']) {
            return Err(Invalid::new(format!("{host:?} in brackets"), BRACKETS));
        }
        return match rest.strip_prefix(':') {
            Some(ports) => Ok((host, Some(ports))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Invalid::new(format!("{rest:?} behind the brackets"), BRACKETS)),
        };
    }
    if text.matches(':').count() > 1 {
        return Err(Invalid::new(format!("{text:?} has more than one colon"), BRACKETS));
    }
    Ok(text.split_once(':').map_or((text, None), |(host, ports)| (host, Some(ports))))
}

/// A host as it stands before `:ports`: in brackets if it holds a colon, in URLs also if it holds a slash.
pub(super) struct Bracketed<'a> {
    pub(super) host: &'a HostPattern,
    pub(super) url: bool,
}

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.host.to_string();
        let brackets = text.contains(':') || (self.url && text.contains('/'));
        if brackets { write!(f, "[{text}]") } else { f.write_str(&text) }
    }
}
