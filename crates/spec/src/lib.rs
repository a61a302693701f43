//! The words of Tombolo: grants, limits, triggers, manifests and ceilings, and how they are written.
//!
//! This crate is pure: it opens no file, asks no clock, starts no task and depends on no other crate of the
//! project. It turns text into types and types into text, and decides what covers what.

#![warn(missing_docs)]

pub mod call;
pub mod ceiling;
mod digest;
pub mod fields;
pub mod grant;
mod invalid;
pub mod limits;
mod line;
pub mod manifest;
mod name;
pub mod net;
pub mod observed;
mod suggest;
mod text;
mod timestamp;
pub mod trigger;
pub mod units;
mod volume;

pub use ceiling::{AboveCeiling, Ceiling, Difference, Effective, Mode};
pub use digest::Digest;
pub use grant::{Access, Direction, Grant, GrantError, GrantId, GrantKind, GrantSet, Request};
pub use invalid::Invalid;
pub use limits::{LimitError, LimitName, LimitOverrides, LimitValue, Limits, Profile};
pub use line::{SyntaxError, one_line};
pub use manifest::{Function, Isolation, Manifest, Problem, Problems, Source};
pub use name::{NAME_CHARS_MAX, Name};
pub use observed::{GrantUse, Observed};
pub use timestamp::Timestamp;
pub use trigger::{Trigger, TriggerError};
pub use units::{ByteSize, Rate};
pub use volume::{Held, VolumeCount};
