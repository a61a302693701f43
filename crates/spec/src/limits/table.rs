//! The one table of limits: name, unit, defaults, range and meaning of each.

use super::{LimitName, Unit};

/// One row of the table. Values are bytes, nanoseconds, bytes a second, or a number, as the unit says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) limit: LimitName,
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    /// The default of `tombolo run`; `None` is no limit.
    pub(super) run: Option<u64>,
    /// The default of `tombolo serve` and of nodes.
    pub(super) serve: Option<u64>,
    /// Less makes no sense.
    pub(super) min: u64,
    /// More makes no sense.
    pub(super) max: u64,
    pub(super) doc: &'static str,
}

/// The number of limits.
pub const LIMITS: usize = 21;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const H: u64 = 3_600 * S;
const DAY: u64 = 24 * H;

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
pub(super) const TABLE: [Row; LIMITS] = [
    row!(Memory, "memory", Bytes, run Some(64 * MIB), serve Some(64 * MIB), 64 * KIB => TIB, "all memories and tables of an instance together"),
    row!(Time, "time", Time, run None, serve Some(30 * S), MS => 7 * DAY, "wall time of an invocation, waiting included"),
    row!(Cpu, "cpu", Time, run None, serve Some(10 * S), MS => 7 * DAY, "processor time of an invocation, waiting not included"),
    row!(Stack, "stack", Bytes, run Some(MIB), serve Some(MIB), 64 * KIB => 64 * MIB, "the stack of the WebAssembly code"),
    row!(Handles, "handles", Count, run Some(4096), serve Some(4096), 16 => 1_000_000, "files, sockets, streams and other handles that an instance holds at a time"),
    row!(TableElements, "table-elements", Count, run Some(100_000), serve Some(100_000), 1 => 100_000_000, "elements of all tables of an instance together"),
    row!(HostcallFuel, "hostcall-fuel", Bytes, run Some(8 * MIB), serve Some(8 * MIB), 64 * KIB => GIB, "what one call to the host may make the host copy"),
    row!(Random, "random", Bytes, run Some(64 * KIB), serve Some(64 * KIB), 16 => 16 * MIB, "random bytes of one call"),
    row!(Output, "output", Bytes, run None, serve Some(16 * MIB), 1 => TIB, "what an invocation writes to stdout and stderr together"),
    row!(Concurrency, "concurrency", Count, run Some(64), serve Some(64), 1 => 100_000, "invocations of a function at the same time"),
    row!(Queue, "queue", Count, run Some(128), serve Some(128), 1 => 1_000_000, "invocations of a function that wait for a free place"),
    row!(QueueTime, "queue-time", Time, run Some(S), serve Some(S), MS => H, "how long an invocation waits for a free place"),
    row!(Body, "body", Bytes, run Some(MIB), serve Some(MIB), 1 => TIB, "the body of a request"),
    row!(ResponseBody, "response-body", Bytes, run Some(16 * MIB), serve Some(16 * MIB), 1 => TIB, "the body of a response"),
    row!(Headers, "headers", Bytes, run Some(32 * KIB), serve Some(32 * KIB), KIB => MIB, "the header section of a request, and of a response"),
    row!(IdleTime, "idle-time", Time, run Some(30 * S), serve Some(30 * S), 10 * MS => H, "how long a peer may neither send nor take a byte of a body"),
    row!(Logs, "logs", Rate, run Some(64 * KIB), serve Some(64 * KIB), 1 => GIB, "what a function logs, in bursts of at most one second"),
    row!(OutboundRequests, "outbound-requests", Count, run Some(64), serve Some(64), 1 => 1_000_000, "HTTP requests and connections that an invocation opens"),
    row!(OutboundBytes, "outbound-bytes", Bytes, run Some(16 * MIB), serve Some(16 * MIB), 1 => TIB, "what an invocation sends and receives over the network"),
    row!(ConnectTime, "connect-time", Time, run Some(5 * S), serve Some(5 * S), MS => 300 * S, "how long resolving a name and opening a connection may take, TLS included"),
    row!(KvSize, "kv-size", Bytes, run Some(64 * MIB), serve Some(64 * MIB), 64 * KIB => TIB, "what a key-value store that the function writes to may hold"),
];
