//! What guests can call, and what they are allowed to do with it.
//!
//! A [`Template`] is made once for each function, from its grants and limits; a [`Guest`] once for each instance
//! and is the data of its store; a [`Ledger`] counts what grants were used for and what was refused.
//!
//! Each capability is a folder with the same rooms: `mod` says what a guest can do with it, `policy` decides, the
//! version files (`p1`, `p2`, `p3`, or `host` where they are one) speak WASI.
//!
//! This crate does not know where components come from, how they are compiled or who calls them.

mod bindings;
pub mod clock;
pub mod command;
mod config;
mod data;
mod dns;
pub mod egress;
mod env;
#[cfg(feature = "escape")]
mod escape;
pub mod fs;
mod guest;
mod http_out;
pub mod kv;
pub mod ledger;
mod limits;
mod link;
mod logging;
mod p1;
pub mod random;
mod sockets;
pub mod stdio;
mod template;
#[cfg(test)]
mod testing;
mod volume;

pub use data::{Data, DataError};
pub use egress::{Network, NetworkConfig};
pub use env::MissingSecret;
pub use guest::Guest;
pub use kv::OpenStoreError;
pub use ledger::Ledger;
pub use link::{Sockets, link_p1, link_p2, link_p3};
pub use stdio::Stdio;
pub use template::{Lookup, PrepareError, Template, TemplateParts};
pub use tombolo_egress::{Broker, NameConfig, needs_network};
pub use volume::OpenVolumeError;
