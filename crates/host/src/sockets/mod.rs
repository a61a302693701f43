//! Sockets: `wasi:sockets` TCP and UDP.
//!
//! Every address is checked just before it is used: what a socket connects to, each datagram's destination, where
//! each received datagram comes from, and the port that a socket listens on.
//!
//! | a guest | needs |
//! | --- | --- |
//! | connects to an address | `tcp connect ADDRESS:PORT`, or a `tcp connect NAME:PORT` whose name it looked up to that address |
//! | sends or receives a datagram | the same with `udp connect` |
//! | listens for TCP | `listen tcp PORT`; accepting then needs nothing more |
//! | binds a socket | nothing without a port, as every connect does it; a TCP port as for listening; a UDP port is never granted |
//!
//! The guest learns `access-denied`. Connections and first datagrams to an address count as `outbound-requests`, what
//! sockets of 0.2 transfer as `outbound-bytes`.
//!
//! A process that connects itself has wasmtime-wasi's sockets, counted ([`metered`]); one that has a broker has its own
//! ([`brokered`]).

pub(crate) mod brokered;
pub(crate) mod metered;
mod policy;

#[cfg(test)]
mod tests;

pub(crate) use policy::context;
