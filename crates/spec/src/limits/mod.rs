//! Limits: what an instance, an invocation or a function may use up. Every one has a default, in one table.

mod table;

pub use table::{LIMITS, LimitName, LimitValue, Profile, Unit, UnknownLimit};

use crate::line::{Flaw, SyntaxError};
use crate::units::{ByteSize, Rate, UnitError, parse_duration};
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Why a text is no limit, or no sensible value of one.
pub type LimitError = SyntaxError;

/// The limits in force: each one resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    values: [Option<u64>; LIMITS],
}

/// The limits that somebody wrote; the others keep their defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LimitOverrides {
    values: [Option<u64>; LIMITS],
}

/// A limit that a ceiling lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lowered {
    /// Which limit.
    pub limit: LimitName,
    /// What was asked for, or the default.
    pub from: LimitValue,
    /// What the ceiling allows.
    pub to: LimitValue,
}

impl Limits {
    /// The defaults of a profile.
    pub fn defaults(profile: Profile) -> Self {
        LimitOverrides::default().resolve(profile)
    }

    /// The value of a limit.
    pub const fn get(&self, limit: LimitName) -> LimitValue {
        limit.value(self.values[limit as usize])
    }

    /// Every limit with its value, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (LimitName, LimitValue)> {
        LimitName::all().map(|limit| (limit, self.get(limit)))
    }

    /// Lowers what is above `ceiling`, and says what it lowered. No limit at all is above every ceiling.
    pub fn clamp(&self, ceiling: &LimitOverrides) -> (Self, Vec<Lowered>) {
        let mut clamped = self.clone();
        let mut lowered = Vec::new();
        for limit in LimitName::all() {
            let (own, most) = (self.values[limit as usize], ceiling.values[limit as usize]);
            if most.is_some_and(|most| own.is_none_or(|own| own > most)) {
                clamped.values[limit as usize] = most;
                lowered.push(Lowered { limit, from: limit.value(own), to: limit.value(most) });
            }
        }
        (clamped, lowered)
    }

    const fn raw(&self, limit: LimitName) -> Option<u64> {
        self.values[limit as usize]
    }

    /// For limits that have a default in every profile, so that `None` never occurs.
    fn number(&self, limit: LimitName) -> u64 {
        self.raw(limit).unwrap_or(u64::MAX)
    }

    fn size(&self, limit: LimitName) -> ByteSize {
        ByteSize(self.number(limit))
    }

    fn duration(&self, limit: LimitName) -> Duration {
        Duration::from_nanos(self.number(limit))
    }
}

/// Typed access to each limit.
macro_rules! getters {
    ($($getter:ident: $limit:ident -> $type:ty = $read:expr;)*) => {
        impl Limits {
            $(
                #[doc = concat!("The limit [`LimitName::", stringify!($limit), "`].")]
                pub fn $getter(&self) -> $type {
                    let read: fn(&Self, LimitName) -> $type = $read;
                    read(self, LimitName::$limit)
                }
            )*
        }
    };
}

getters! {
    memory: Memory -> ByteSize = Limits::size;
    time: Time -> Option<Duration> = |own, limit| own.raw(limit).map(Duration::from_nanos);
    cpu: Cpu -> Option<Duration> = |own, limit| own.raw(limit).map(Duration::from_nanos);
    stack: Stack -> ByteSize = Limits::size;
    handles: Handles -> u64 = Limits::number;
    table_elements: TableElements -> u64 = Limits::number;
    hostcall_fuel: HostcallFuel -> ByteSize = Limits::size;
    random: Random -> ByteSize = Limits::size;
    output: Output -> Option<ByteSize> = |own, limit| own.raw(limit).map(ByteSize);
    concurrency: Concurrency -> u64 = Limits::number;
    queue: Queue -> u64 = Limits::number;
    queue_time: QueueTime -> Duration = Limits::duration;
    body: Body -> ByteSize = Limits::size;
    response_body: ResponseBody -> ByteSize = Limits::size;
    headers: Headers -> ByteSize = Limits::size;
    idle_time: IdleTime -> Duration = Limits::duration;
    logs: Logs -> Rate = |own, limit| Rate(own.number(limit));
    outbound_requests: OutboundRequests -> u64 = Limits::number;
    outbound_bytes: OutboundBytes -> ByteSize = Limits::size;
    connect_time: ConnectTime -> Duration = Limits::duration;
}

impl LimitOverrides {
    /// True when nothing is written.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }

    /// What is written for a limit.
    pub fn get(&self, limit: LimitName) -> Option<LimitValue> {
        self.values[limit as usize].map(|raw| limit.value(Some(raw)))
    }

    /// What is written, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (LimitName, LimitValue)> {
        LimitName::all().filter_map(|limit| Some((limit, self.get(limit)?)))
    }

    /// Writes a limit from text such as `64MiB`; the last one written counts.
    pub fn set(&mut self, limit: LimitName, value: &str) -> Result<(), LimitError> {
        let raw = read(limit, value).map_err(|(what, remedy)| {
            SyntaxError::new(
                "limit",
                &format!("{limit}={value}"),
                Flaw::new(value_span(limit, value), what, remedy),
            )
        })?;
        self.values[limit as usize] = Some(raw);
        Ok(())
    }

    /// Writes a limit from a line such as `memory=64MiB`.
    pub fn set_line(&mut self, line: &str) -> Result<(), LimitError> {
        let fail = |at: Range<usize>, what: String, remedy: String| {
            SyntaxError::new("limit", line, Flaw::new(at, what, remedy))
        };
        let Some((name, value)) = line.split_once('=') else {
            return Err(fail(0..line.len(), "no =".to_owned(), "write e.g. memory=64MiB".to_owned()));
        };
        let limit: LimitName = name
            .parse()
            .map_err(|e: UnknownLimit| fail(0..name.len(), format!("{name:?} is no limit"), e.remedy))?;
        self.set(limit, value)
    }

    /// These limits over those of `base`: what is written here counts, then what is written there.
    pub fn over(&self, base: &Self) -> Self {
        let mut merged = base.clone();
        for (own, slot) in self.values.iter().zip(&mut merged.values) {
            *slot = own.or(*slot);
        }
        merged
    }

    /// The smaller of both for each limit; one that only one side wrote is that side's.
    pub fn meet(&self, other: &Self) -> Self {
        let mut met = self.clone();
        for (slot, theirs) in met.values.iter_mut().zip(&other.values) {
            *slot = match (*slot, *theirs) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        met
    }

    /// The written values that are above `ceiling`.
    pub fn above(&self, ceiling: &Self) -> Vec<Lowered> {
        let above = |limit: LimitName| {
            let (own, most) = (self.values[limit as usize]?, ceiling.values[limit as usize]?);
            (own > most).then(|| Lowered { limit, from: limit.value(Some(own)), to: limit.value(Some(most)) })
        };
        LimitName::all().filter_map(above).collect()
    }

    /// All limits: what is written, else the default of the profile.
    pub fn resolve(&self, profile: Profile) -> Limits {
        let mut values = self.values;
        for limit in LimitName::all() {
            let slot = &mut values[limit as usize];
            *slot = slot.or(limit.default(profile).raw());
        }
        Limits { values }
    }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit {}: {} -> {}", self.limit, self.from, self.to)
    }
}

fn value_span(limit: LimitName, value: &str) -> Range<usize> {
    let start = limit.name().len() + 1;
    start..start + value.len()
}

/// Reads a value and refuses what makes no sense, with the reason.
fn read(limit: LimitName, text: &str) -> Result<u64, (String, String)> {
    let unit_error = |e: UnitError| (e.what, e.remedy.to_owned());
    let raw = match limit.unit() {
        Unit::Bytes => text.parse::<ByteSize>().map_err(unit_error)?.0,
        Unit::Rate => text.parse::<Rate>().map_err(unit_error)?.0,
        Unit::Time => u64::try_from(parse_duration(text).map_err(unit_error)?.as_nanos()).unwrap_or(u64::MAX),
        Unit::Count => count(text)?,
    };
    let (min, max) = limit.range();
    let range = || format!("write a value from {min} to {max}");
    if raw == 0 {
        return Err((format!("nothing runs with a {limit} of zero"), range()));
    }
    if raw < limit.row().min {
        return Err((format!("{text} is too little: {limit} is {}", limit.doc()), range()));
    }
    if raw > limit.row().max {
        return Err((format!("{text} is more than makes sense: {limit} is {}", limit.doc()), range()));
    }
    Ok(raw)
}

fn count(text: &str) -> Result<u64, (String, String)> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| (format!("{text:?} is no whole number"), "write digits only, e.g. 64".to_owned()))
}
