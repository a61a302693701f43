//! The one table of limits: name, defaults, range and words of each.

use crate::units::{ByteSize, Rate, Time};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A limit's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LimitName {
    /// All memories and tables of an instance together.
    Memory,
    /// Wall time of an invocation.
    Time,
    /// Processor time of an invocation.
    Cpu,
    /// The WebAssembly stack.
    Stack,
    /// Open handles of an instance.
    Handles,
    /// Elements of all tables of an instance together.
    TableElements,
    /// Memory that one host call may copy in.
    HostcallFuel,
    /// Random bytes of one call.
    Random,
    /// Bytes on stdout and stderr of an invocation.
    Output,
    /// Invocations of a function at the same time.
    Concurrency,
    /// Invocations that wait for a free place.
    Queue,
    /// How long one may wait.
    QueueTime,
    /// Body of a request.
    Body,
    /// Body of a response.
    ResponseBody,
    /// Header section of a request or response.
    Headers,
    /// How long a request body, or a response's reader, may be silent.
    IdleTime,
    /// Log bytes a second.
    Logs,
    /// Outgoing requests and connections of an invocation.
    OutboundRequests,
    /// Bytes an invocation sends and receives on outgoing requests and connections.
    OutboundBytes,
    /// How long an outgoing connection may take to open.
    ConnectTime,
}

/// The number of limits.
pub const LIMITS: usize = 20;

/// A limit's unit, which decides how its value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, `64MiB`.
    Bytes,
    /// Time, `200ms`; kept in nanoseconds.
    Time,
    /// Bytes a second, `64KiB/s`.
    Rate,
    /// A plain number.
    Count,
}

/// A value of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What a limit is for: a run in the foreground, or serving many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `tombolo run`: one program, its user waits for it.
    Run,
    /// `tombolo serve` and nodes: many requests, nobody waits.
    Serve,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) limit: LimitName,
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) run: Option<u64>,
    pub(crate) serve: Option<u64>,
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) doc: &'static str,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const DAY: u64 = 86_400 * S;

/// Shortens the table to one row a limit.
macro_rules! row {
    ($limit:ident, $name:literal, $unit:ident, run $run:expr, serve $serve:expr, $min:expr => $max:expr, $doc:literal) => {
        Row {
            limit: LimitName::$limit,
            name: $name,
            unit: Unit::$unit,
            run: $run,
            serve: $serve,
            min: $min,
            max: $max,
            doc: $doc,
        }
    };
}

/// Every limit, in the order of [`LimitName`].
#[rustfmt::skip]
pub(crate) const TABLE: [Row; LIMITS] = [
    row!(Memory, "memory", Bytes, run Some(64 * MIB), serve Some(64 * MIB), 64 * KIB => 1024 * GIB, "all memories and tables of an instance together"),
    row!(Time, "time", Time, run None, serve Some(30 * S), MS => 7 * DAY, "wall time of an invocation, waiting included"),
    row!(Cpu, "cpu", Time, run None, serve Some(10 * S), MS => 7 * DAY, "processor time of an invocation, waiting not included"),
    row!(Stack, "stack", Bytes, run Some(MIB), serve Some(MIB), 64 * KIB => 64 * MIB, "the stack of the WebAssembly code"),
    row!(Handles, "handles", Count, run Some(4096), serve Some(4096), 16 => 1_000_000, "files, sockets, streams and other handles an instance holds at a time"),
    row!(TableElements, "table-elements", Count, run Some(100_000), serve Some(100_000), 1 => 100_000_000, "elements of all tables of an instance together"),
    row!(HostcallFuel, "hostcall-fuel", Bytes, run Some(8 * MIB), serve Some(8 * MIB), 64 * KIB => GIB, "what one call to the host may make the host copy"),
    row!(Random, "random", Bytes, run Some(64 * KIB), serve Some(64 * KIB), 16 => 16 * MIB, "random bytes of one call"),
    row!(Output, "output", Bytes, run None, serve Some(16 * MIB), 1 => 1024 * GIB, "bytes an invocation writes to stdout and stderr together"),
    row!(Concurrency, "concurrency", Count, run Some(64), serve Some(64), 1 => 100_000, "invocations of a function at the same time"),
    row!(Queue, "queue", Count, run Some(128), serve Some(128), 1 => 1_000_000, "invocations of a function that wait for a free place"),
    row!(QueueTime, "queue-time", Time, run Some(S), serve Some(S), MS => 3_600 * S, "how long an invocation waits for a free place"),
    row!(Body, "body", Bytes, run Some(MIB), serve Some(MIB), 1 => 1024 * GIB, "the body of a request"),
    row!(ResponseBody, "response-body", Bytes, run Some(16 * MIB), serve Some(16 * MIB), 1 => 1024 * GIB, "the body of a response"),
    row!(Headers, "headers", Bytes, run Some(32 * KIB), serve Some(32 * KIB), KIB => MIB, "the header section of a request, and of a response"),
    row!(IdleTime, "idle-time", Time, run Some(30 * S), serve Some(30 * S), 10 * MS => 3_600 * S, "how long a peer may neither send nor take a byte of a body"),
    row!(Logs, "logs", Rate, run Some(64 * KIB), serve Some(64 * KIB), 1 => GIB, "what a function logs, with bursts of one second"),
    row!(OutboundRequests, "outbound-requests", Count, run Some(64), serve Some(64), 1 => 1_000_000, "HTTP requests and connections an invocation opens"),
    row!(OutboundBytes, "outbound-bytes", Bytes, run Some(16 * MIB), serve Some(16 * MIB), 1 => 1024 * GIB, "what an invocation sends and receives over the network"),
    row!(ConnectTime, "connect-time", Time, run Some(5 * S), serve Some(5 * S), MS => 300 * S, "how long resolving a name and opening a connection may take, TLS included"),
];

impl LimitName {
    /// Every limit, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        TABLE.iter().map(|row| row.limit)
    }

    pub(crate) const fn row(self) -> &'static Row {
        &TABLE[self as usize]
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
        let row = self.row();
        let raw = match profile {
            Profile::Run => row.run,
            Profile::Serve => row.serve,
        };
        self.value(raw)
    }

    /// The smallest and the largest value that make sense.
    pub const fn range(self) -> (LimitValue, LimitValue) {
        let row = self.row();
        (self.value(Some(row.min)), self.value(Some(row.max)))
    }

    pub(crate) const fn value(self, raw: Option<u64>) -> LimitValue {
        let Some(raw) = raw else { return LimitValue::None };
        match self.unit() {
            Unit::Bytes => LimitValue::Bytes(ByteSize(raw)),
            Unit::Time => LimitValue::Time(Duration::from_nanos(raw)),
            Unit::Rate => LimitValue::Rate(Rate(raw)),
            Unit::Count => LimitValue::Count(raw),
        }
    }

    /// How to raise the limit to `value`, for the message of whoever hit it.
    pub fn remedy(self, value: LimitValue) -> String {
        let name = self.name();
        format!("raise it with --limit {name}={value} or limits = {{ {name} = \"{value}\" }}")
    }

    /// How to raise the limit above `hit`: to twice as much, or what to do when that is beyond its range.
    pub fn raise(self, hit: LimitValue) -> String {
        let max = self.row().max;
        match hit.raw() {
            Some(raw) if raw < max => self.remedy(self.value(Some(raw.saturating_mul(2).min(max)))),
            _ => format!("{} is the most that {} can be", self.value(Some(max)), self.name()),
        }
    }
}

impl LimitValue {
    /// Bytes, nanoseconds, bytes a second or the number; `None` for no limit.
    pub const fn raw(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(size) => Some(size.0),
            Self::Rate(rate) => Some(rate.0),
            Self::Count(count) => Some(count),
            Self::Time(time) => Some(time.as_nanos() as u64),
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LimitName {
    type Err = UnknownLimit;

    fn from_str(text: &str) -> Result<Self, UnknownLimit> {
        let row = TABLE.iter().find(|row| row.name == text);
        row.map(|row| row.limit).ok_or_else(|| UnknownLimit::new(text))
    }
}

/// The text names no limit; the message lists the nearest one or all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no limit; {remedy}")]
pub struct UnknownLimit {
    /// The text.
    pub name: String,
    /// What to write instead.
    pub remedy: String,
}

impl UnknownLimit {
    fn new(text: &str) -> Self {
        let names = TABLE.iter().map(|row| row.name);
        let remedy = match crate::suggest::closest(text, names.clone()) {
            Some(guess) => format!("did you mean {guess:?}?"),
            None => format!("known are {}", names.collect::<Vec<_>>().join(", ")),
        };
        Self { name: text.to_owned(), remedy }
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
