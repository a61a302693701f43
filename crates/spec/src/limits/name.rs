//! Names and values of limits.

use super::table::{Row, TABLE};
use crate::invalid::Invalid;
use crate::suggest::did_you_mean;
use crate::units::{ByteSize, Rate, Time};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A limit's name; what each one limits stands in the table, see [`LimitName::doc`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LimitName {
    /// `memory`
    Memory,
    /// `time`
    Time,
    /// `cpu`
    Cpu,
    /// `stack`
    Stack,
    /// `handles`
    Handles,
    /// `table-elements`
    TableElements,
    /// `hostcall-fuel`
    HostcallFuel,
    /// `random`
    Random,
    /// `output`
    Output,
    /// `concurrency`
    Concurrency,
    /// `queue`
    Queue,
    /// `queue-time`
    QueueTime,
    /// `body`
    Body,
    /// `response-body`
    ResponseBody,
    /// `headers`
    Headers,
    /// `idle-time`
    IdleTime,
    /// `logs`
    Logs,
    /// `outbound-requests`
    OutboundRequests,
    /// `outbound-bytes`
    OutboundBytes,
    /// `connect-time`
    ConnectTime,
    /// `kv-size`
    KvSize,
}

/// A limit's unit, which decides how its value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes, `64MiB`.
    Bytes,
    /// Time, `200ms`.
    Time,
    /// Bytes a second, `64KiB/s`.
    Rate,
    /// A plain number, `64`.
    Count,
}

/// A value of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitValue {
    /// No limit.
    None,
    /// Bytes.
    Bytes(ByteSize),
    /// Time.
    Time(Duration),
    /// Bytes a second.
    Rate(Rate),
    /// A number.
    Count(u64),
}

/// What limits are for: their defaults differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `tombolo run`: one program, and its user waits for it.
    Run,
    /// `tombolo serve` and nodes: many requests, and nobody waits.
    Serve,
}

impl LimitName {
    /// Every limit, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.limit)
    }

    /// The name as it is written, e.g. `table-elements`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// The unit of its values.
    pub const fn unit(self) -> Unit {
        self.row().unit
    }

    /// What it limits, in a few words.
    pub const fn doc(self) -> &'static str {
        self.row().doc
    }

    /// The value that holds when nothing is written.
    pub const fn default(self, profile: Profile) -> LimitValue {
        match profile {
            Profile::Run => self.value(self.row().run),
            Profile::Serve => self.value(self.row().serve),
        }
    }

    /// The smallest and the largest value that make sense.
    pub const fn range(self) -> (LimitValue, LimitValue) {
        (self.value(Some(self.row().min)), self.value(Some(self.row().max)))
    }

    /// What to tell whoever hit the limit at `hit`: how to raise it to twice as much.
    pub fn remedy(self, hit: LimitValue) -> String {
        let (name, max) = (self.name(), self.row().max);
        let Some(raw) = hit.raw().filter(|raw| *raw < max) else {
            return format!("{} is the most that {name} can be", self.value(Some(max)));
        };
        let more = self.value(Some(raw.saturating_mul(2).min(max)));
        let quote = if self.unit() == Unit::Count { "" } else { "\"" };
        format!("raise it with --limit {name}={more} or limits = {{ {name} = {quote}{more}{quote} }}")
    }

    pub(super) const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    pub(super) const fn value(self, raw: Option<u64>) -> LimitValue {
        match (raw, self.unit()) {
            (None, _) => LimitValue::None,
            (Some(raw), Unit::Bytes) => LimitValue::Bytes(ByteSize(raw)),
            (Some(raw), Unit::Time) => LimitValue::Time(Duration::from_nanos(raw)),
            (Some(raw), Unit::Rate) => LimitValue::Rate(Rate(raw)),
            (Some(raw), Unit::Count) => LimitValue::Count(raw),
        }
    }
}

impl LimitValue {
    /// The value in bytes, nanoseconds, bytes a second, or as a number; `None` for no limit.
    pub fn raw(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(size) => Some(size.0),
            Self::Rate(rate) => Some(rate.0),
            Self::Count(count) => Some(count),
            Self::Time(time) => Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LimitName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let row = TABLE.iter().find(|row| row.name == text);
        row.map(|row| row.limit).ok_or_else(|| {
            let remedy = did_you_mean(text, TABLE.iter().map(|row| row.name));
            Invalid::new(format!("{text:?} is no limit"), remedy)
        })
    }
}

impl fmt::Display for LimitValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bytes(size) => size.fmt(f),
            Self::Time(time) => Time(*time).fmt(f),
            Self::Rate(rate) => rate.fmt(f),
            Self::Count(count) => count.fmt(f),
        }
    }
}
