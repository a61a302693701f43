//! Files that appear whole or not at all, and stay.

mod artifacts;
mod atomic;
mod reserve;

pub use artifacts::{Arriving, ArtifactError, Artifacts};
pub(crate) use atomic::write_durably;
pub(crate) use reserve::Reserve;
