//! Files.
//!
//! A guest sees the directories of its `dir` grants and nothing else. Every operation that names a path is
//! resolved below the granted directory by [`beneath`], counted as a use of its grant, and refused where it
//! leads out, writes to what is read-only, or meets a FIFO, socket or device. Reading and writing what is open
//! already is not counted again.
//!
//! What a ledger cannot see: guests of WASI 0.1 and most of 0.2 find the directory for an absolute path in their
//! own C library, so a path outside every grant never reaches the host and is no refusal here; the guest gets
//! its library's "no such file" or "bad descriptor".

pub(crate) mod beneath;
mod dirs;
pub(crate) mod errors;
#[cfg_attr(feature = "bypass-wasi-fs-checks", allow(dead_code, reason = "the bypass has no walk of its own"))]
mod manual;
pub(crate) mod meta;
pub(crate) mod origins;
pub(crate) mod p2;
mod p3;
mod path;
pub(crate) mod policy;
mod resolve;

#[cfg(all(test, feature = "bypass-wasi-fs-checks"))]
mod bypass_tests;
#[cfg(all(test, not(feature = "bypass-wasi-fs-checks")))]
mod tests;
#[cfg(all(test, not(feature = "bypass-wasi-fs-checks")))]
mod wasi_tests;

pub use dirs::{Blocking, GrantedDir, OpenDirError};

pub(crate) use dirs::Dirs;
