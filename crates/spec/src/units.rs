//! Quantities with units: bytes, bytes a second, time.

use crate::invalid::Invalid;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A number of bytes, written `64MiB`; units are binary: `B`, `KiB`, `MiB`, `GiB`, `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

const BYTES_REMEDY: &str = "write a whole number and B, KiB, MiB, GiB or TiB, e.g. 64MiB";
const BYTE_UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl ByteSize {
    /// `n` kibibytes.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(f, self.0, &BYTE_UNITS)
    }
}

impl FromStr for ByteSize {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        number(text, &BYTE_UNITS, "a size", BYTES_REMEDY).map(Self)
    }
}

/// A number of bytes a second, written `64KiB/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(pub u64);

const RATE_REMEDY: &str = "write a size and /s, e.g. 64KiB/s";

impl Rate {
    /// The number of bytes a second.
    pub const fn bytes_per_second(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0))
    }
}

impl FromStr for Rate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some(size) = text.strip_suffix("/s") else {
            return Err(Invalid::new(format!("{text:?} is not a rate"), RATE_REMEDY));
        };
        number(size, &BYTE_UNITS, "a rate", RATE_REMEDY).map(Self)
    }
}

const TIME_REMEDY: &str = "write a whole number and ns, us, ms, s, m, h or d, e.g. 200ms";
const TIME_UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a time such as `2s`, `200ms`, `1m`. Longest: about 584 years, in nanoseconds.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    number(text, &TIME_UNITS, "a time", TIME_REMEDY).map(Duration::from_nanos)
}

/// A time as [`parse_duration`] reads it: the largest unit that keeps it whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        if nanos == 0 { f.write_str("0s") } else { print(f, nanos, &TIME_UNITS) }
    }
}

/// Prints `value` in the largest unit that divides it.
fn print(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    for (name, factor) in units {
        if value != 0 && value.is_multiple_of(*factor) {
            return write!(f, "{}{name}", value / factor);
        }
    }
    write!(f, "0{}", units.last().map_or("", |(name, _)| name))
}

fn number(text: &str, units: &[(&str, u64)], kind: &str, remedy: &str) -> Result<u64, Invalid> {
    let fail = |what: String| Invalid::new(what, remedy);
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (digits, unit) = text.split_at(digits);
    if digits.is_empty() {
        return Err(fail(format!("{text:?} is not {kind}")));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let what =
            if unit.is_empty() { format!("{text:?} has no unit") } else { format!("{unit:?} is not a unit") };
        return Err(fail(what));
    };
    let value = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor));
    value.ok_or_else(|| fail(format!("{text:?} is more than 64 bits can hold")))
}
