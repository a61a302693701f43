//! The time of day in log lines, and numbers as they are written there.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serializer;
use tombolo_spec::Timestamp;

/// The time of day.
pub(crate) fn now() -> Timestamp {
    Timestamp::since_1970(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Serialises as the value's text.
pub(crate) fn display<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Serialises as 32 hex digits.
pub(crate) fn hex<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:032x}"))
}

/// Serialises as 16 hex digits.
pub(crate) fn hex64<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:016x}"))
}
