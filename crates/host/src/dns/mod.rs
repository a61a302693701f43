//! Looking names up: `wasi:sockets/ip-name-lookup`.
//!
//! A guest may look up what a `dns` grant names, and what a `tcp connect` or `udp connect` grant lets it connect to.
//! It is told only addresses that may be reached under the name: a public name that leads into a private network
//! is answered as if it had no such address. A literal address is given back without asking anybody.

mod policy;

pub(crate) mod p2;
pub(crate) mod p3;

#[cfg(test)]
mod tests;
