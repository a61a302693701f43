//! WASI 0.1: `wasi_snapshot_preview1`.
//!
//! A guest has a table of descriptors as a Unix process has: 0 to 2 are the standard streams, then come its granted
//! directories, then what it opens. Everything that names a path goes through [`fs`](crate::fs), as in the later
//! versions; reading and writing work on guest memory directly. Sockets do not exist here: core modules that
//! need the network have WASI 0.2.
//!
//! Exit codes pass through: the low eight bits, as a Unix process has them.

mod convert;
mod fds;
mod fdstat;
mod files;
mod host;
mod memory;
mod paths;
mod poll;
mod readdir;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod tests;

pub(crate) use fds::P1State;
