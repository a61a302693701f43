//! The way out: how every connection of a guest is made.
//!
//! `grant → name → addresses → check → connect`: a request must match a grant before its name is looked up; each
//! address that the name leads to must be one that the grant reaches ([`tombolo_spec::net`] classes, and the
//! addresses of this machine itself); and the connection goes to exactly the address that was checked, so a name
//! that answers differently the next time changes nothing.
//!
//! [`Network`] is prepared once for a process, before it is locked down: it reads `/etc/resolv.conf`, `/etc/hosts`
//! and the trusted certificates, and opens no file afterwards.

mod admit;
mod instance;
mod lookup;
mod network;
mod own;
mod tls;

#[cfg(test)]
mod tests;

pub use network::{Network, NetworkConfig, Roots};

pub(crate) use admit::{Admitted, NetPolicy, grant_line};
pub(crate) use instance::InstanceNet;
pub(crate) use lookup::LookupError;
