//! Port numbers, and `host:ports`.

use super::host::{HostError, HostPattern};
use crate::line::{Flaw, Word};
use std::fmt;
use std::ops::RangeInclusive;

/// A set of ports, 1 to 65535: `443`, `80,443`, `8000-8100`, or `*` for all.
///
/// Kept as ascending ranges that neither touch nor overlap, so that equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports(Vec<(u16, u16)>);

const REMEDY: &str = "write a port from 1 to 65535, a list 80,443, a range 8000-8100, or * for all";

impl Ports {
    /// Every port.
    pub fn all() -> Self {
        Self(vec![(1, u16::MAX)])
    }

    /// One port; `None` for 0, which is not a port one can connect to.
    pub fn single(port: u16) -> Option<Self> {
        (port != 0).then(|| Self(vec![(port, port)]))
    }

    /// True when the set holds this port.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&port))
    }

    /// The set as ascending ranges.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u16>> {
        self.0.iter().map(|&(low, high)| low..=high)
    }

    /// True when `self` holds every port of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|&(low, high)| self.0.iter().any(|&(a, b)| a <= low && high <= b))
    }

    /// The ports in both sets.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let pairs = self.0.iter().flat_map(|&(a, b)| other.0.iter().map(move |&(c, d)| (a.max(c), b.min(d))));
        Self::from_ranges(pairs.filter(|(low, high)| low <= high).collect())
    }

    /// The ports of `self` that are not in `other`.
    pub(crate) fn minus(&self, other: &Self) -> Option<Self> {
        let mut left = self.0.clone();
        for &(low, high) in &other.0 {
            left = left.iter().flat_map(|&range| cut(range, low, high)).collect();
        }
        Self::from_ranges(left)
    }

    fn from_ranges(mut ranges: Vec<(u16, u16)>) -> Option<Self> {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => merged.push((low, high)),
            }
        }
        (!merged.is_empty()).then_some(Self(merged))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, HostError> {
        if text == "*" {
            return Ok(Self::all());
        }
        let ranges: Result<Vec<_>, _> = text.split(',').map(range).collect();
        Self::from_ranges(ranges?).ok_or_else(|| fault(text))
    }
}

fn cut((a, b): (u16, u16), low: u16, high: u16) -> impl Iterator<Item = (u16, u16)> {
    let before = low.checked_sub(1).map(|end| (a, b.min(end)));
    let after = high.checked_add(1).map(|start| (a.max(start), b));
    before.into_iter().chain(after).filter(|(a, b)| a <= b)
}

fn range(text: &str) -> Result<(u16, u16), HostError> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (port(low), port(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err(fault(text)),
    }
}

/// Reads one port: decimal digits, no sign, no leading zero, 1 to 65535.
pub(crate) fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

fn fault(text: &str) -> HostError {
    HostError { what: format!("{text:?} is not a port"), remedy: REMEDY.to_owned() }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("*");
        }
        for (i, (low, high)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            if low == high { write!(f, "{comma}{low}")? } else { write!(f, "{comma}{low}-{high}")? }
        }
        Ok(())
    }
}

/// Reads `host:ports`; an IPv6 address or range stands in brackets.
pub(crate) fn host_and_ports(word: &Word) -> Result<(HostPattern, Ports), Flaw> {
    let text = word.text.as_str();
    let (host, ports) = split(text).map_err(|e| e.at(word.at.clone()))?;
    let Some(ports) = ports else {
        return Err(word.flaw("no port", format!("write the port too, e.g. {text}:443")));
    };
    let host = host.parse::<HostPattern>().map_err(|e| e.at(word.at.clone()))?;
    let ports = Ports::parse(ports).map_err(|e| e.at(word.at.clone()))?;
    Ok((host, ports))
}

/// Splits `host[:ports]`, taking the brackets off.
pub(crate) fn split(text: &str) -> Result<(&str, Option<&str>), HostError> {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, rest)) = rest.split_once(']') else {
            return Err(HostError {
                what: "a [ without ]".to_owned(),
                remedy: "write [fd00::1]:443".to_owned(),
            });
        };
        return match rest.strip_prefix(':') {
            Some(ports) => Ok((host, Some(ports))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(HostError {
                what: format!("{rest:?} after the brackets"),
                remedy: "write [fd00::1]:443".to_owned(),
            }),
        };
    }
    if text.matches(':').count() > 1 {
        let what = format!("{text:?} has more than one colon");
        return Err(HostError { what, remedy: "put an IPv6 address in brackets: [fd00::1]:443".to_owned() });
    }
    Ok(text.split_once(':').map_or((text, None), |(host, ports)| (host, Some(ports))))
}

/// A pattern as it stands before `:ports`: brackets round IPv6, and in URLs round ranges.
pub(crate) struct Bracketed<'a>(pub(crate) &'a HostPattern, pub(crate) bool);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        if text.contains(':') || (self.1 && text.contains('/')) {
            write!(f, "[{text}]")
        } else {
            f.write_str(&text)
        }
    }
}
