//! Files that appear whole or not at all, and stay.

mod artifacts;
mod atomic;

pub use artifacts::{Arriving, ArtifactError, Artifacts};
pub(crate) use atomic::write_durably;
