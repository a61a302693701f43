//! The way out: how every connection of a guest is made.
//!
//! `grant → name → addresses → check → connect`: a request must match a grant before its name is looked up; each
//! address that the name leads to must be one that the grant reaches ([`tombolo_spec::net`] classes, and the
//! addresses of this machine itself); and the connection goes to exactly the address that was checked, so a name
//! that answers differently the next time changes nothing.
//!
//! There are two makes of it ([`Way`]), which share all of that: a process that connects itself, and one that has no
//! network and asks the node's broker ([`broker`]) for each connection, which it gets as a descriptor.
//!
//! This crate does not know about WebAssembly, TLS or HTTP, and keeps no counts: who asks records what is refused.

#![warn(missing_docs)]

mod ask;
pub mod broker;
mod check;
mod client;
mod direct;
mod files;
mod names;
mod own;
mod way;
pub mod wire;

pub use ask::{Ask, Failed, Outcome};
pub use check::{Admitted, Barred, admit, needs_network, pattern};
pub use client::Broker;
pub use direct::Direct;
pub use files::{NameFiles, Stamp};
pub use names::{LookupError, NameConfig, Names};
pub use way::{Asker, Way};
