//! Limits: what an instance, an invocation or a function may use up. Every one has a default, in one table.

mod name;
mod overrides;
mod table;

pub use name::{LimitName, LimitValue, Profile, Unit};
pub use overrides::LimitOverrides;
pub use table::LIMITS;

use crate::line::SyntaxError;
use crate::units::{ByteSize, Rate};
use std::fmt;
use std::time::Duration;

/// Why a text is no limit, or no sensible value of one.
pub type LimitError = SyntaxError;

/// The limits in force: each one resolved, with a method of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Limits {
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

    /// For limits that have a default in every profile: `None` does not occur.
    const fn number(&self, limit: LimitName) -> u64 {
        match self.values[limit as usize] {
            Some(raw) => raw,
            None => u64::MAX,
        }
    }
}

/// One method for each limit: its name, its type, and how the type is made from the number in the table.
macro_rules! getters {
    ($($getter:ident: $limit:ident -> $type:ty = $make:expr;)*) => {
        impl Limits {
            $(
                #[doc = concat!("The limit [`LimitName::", stringify!($limit), "`].")]
                pub fn $getter(&self) -> $type {
                    let make: fn(u64) -> $type = $make;
                    make(self.number(LimitName::$limit))
                }
            )*
        }
    };
    (optional $($getter:ident: $limit:ident -> $type:ty = $make:expr;)*) => {
        impl Limits {
            $(
                #[doc = concat!("The limit [`LimitName::", stringify!($limit), "`]; `None` is no limit.")]
                pub fn $getter(&self) -> Option<$type> {
                    self.values[LimitName::$limit as usize].map($make)
                }
            )*
        }
    };
}

getters! { optional
    time: Time -> Duration = Duration::from_nanos;
    cpu: Cpu -> Duration = Duration::from_nanos;
    output: Output -> ByteSize = ByteSize;
}

getters! {
    memory: Memory -> ByteSize = ByteSize;
    stack: Stack -> ByteSize = ByteSize;
    handles: Handles -> u64 = |n| n;
    table_elements: TableElements -> u64 = |n| n;
    hostcall_fuel: HostcallFuel -> ByteSize = ByteSize;
    random: Random -> ByteSize = ByteSize;
    concurrency: Concurrency -> u64 = |n| n;
    queue: Queue -> u64 = |n| n;
    queue_time: QueueTime -> Duration = Duration::from_nanos;
    body: Body -> ByteSize = ByteSize;
    response_body: ResponseBody -> ByteSize = ByteSize;
    headers: Headers -> ByteSize = ByteSize;
    idle_time: IdleTime -> Duration = Duration::from_nanos;
    logs: Logs -> Rate = Rate;
    outbound_requests: OutboundRequests -> u64 = |n| n;
    outbound_bytes: OutboundBytes -> ByteSize = ByteSize;
    connect_time: ConnectTime -> Duration = Duration::from_nanos;
    kv_size: KvSize -> ByteSize = ByteSize;
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for Lowered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limit {}: {} -> {}", self.limit, self.from, self.to)
    }
}
