//! Addresses: which kind one is, and which IPv4 address an IPv6 address stands for.
//!
//! Egress asks here before it connects. This module knows nothing of names and sends nothing.

mod class;
mod embedded;
mod loose;

pub(crate) use class::net_class;
pub use class::{Class, METADATA, classify, is_metadata, is_public};
pub use embedded::{Embedding, canonical, embedding, readings};
pub use loose::{LooseIpv4, parse_ipv4_loose};
