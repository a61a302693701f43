//! Sets of port numbers.

use crate::invalid::Invalid;
use std::fmt;
use std::ops::RangeInclusive;

/// A set of ports, 1 to 65535: `443`, `80,443`, `8000-8100`, or `*` for all.
///
/// Kept as ascending ranges that neither touch nor overlap, so that equal sets are equal values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    /// Every port.
    pub fn all() -> Self {
        Self(vec![(1, u16::MAX)])
    }

    /// One port; `None` for 0, which nobody can connect to.
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
        self.meet(other).as_ref() == Some(other)
    }

    /// The ports in both sets.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let pairs = self.0.iter().flat_map(|&(a, b)| other.0.iter().map(move |&(c, d)| (a.max(c), b.min(d))));
        Self::of(pairs.filter(|(low, high)| low <= high).collect())
    }

    /// The ports of `self` that are not in `other`.
    pub(super) fn minus(&self, other: &Self) -> Option<Self> {
        let mut left = self.0.clone();
        for &(low, high) in &other.0 {
            left = left.iter().flat_map(|&range| without(range, low, high)).collect();
        }
        Self::of(left)
    }

    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        if text == "*" {
            return Ok(Self::all());
        }
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.and_then(Self::of).ok_or_else(|| {
            let what = if text.is_empty() {
                "no port behind the colon".to_owned()
            } else {
                format!("{text:?} is no port")
            };
            Invalid::new(what, "write a port from 1 to 65535, a list 80,443, a range 8000-8100, or * for all")
        })
    }

    fn of(mut ranges: Vec<(u16, u16)>) -> Option<Self> {
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
}

fn without((a, b): (u16, u16), low: u16, high: u16) -> impl Iterator<Item = (u16, u16)> {
    let before = low.checked_sub(1).map(|end| (a, b.min(end)));
    let after = high.checked_add(1).map(|start| (a.max(start), b));
    before.into_iter().chain(after).filter(|(a, b)| a <= b)
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (port(low)?, port(high)?);
    (low <= high).then_some((low, high))
}

/// Reads one port: decimal digits, no sign, no leading zero, 1 to 65535.
pub(super) fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
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
