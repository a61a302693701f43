//! The way out, as guests see it: grants are asked first, and what is refused is recorded.
//!
//! How connections are made is [`tombolo_egress`]'s. [`Network`] is prepared once for a process, before it is locked
//! down: it reads `/etc/resolv.conf`, `/etc/hosts` and the trusted certificates, and opens no file afterwards.

mod admit;
mod instance;
mod network;
mod tls;

#[cfg(test)]
mod tests;

pub use network::{Network, NetworkConfig, Roots};

pub(crate) use admit::{NetPolicy, grant_line};
pub(crate) use instance::InstanceNet;
