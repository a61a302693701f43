//! A guest that does everything to reach an address that nobody granted, against the built binary.
//!
//! Each test makes a small internet in network namespaces of its own, in which every address answers: a packet that
//! should not have left would arrive. What leaves is seen on the wire, and what a name server is asked as well.
//! Each refusal has a counterpart in which the same guest reaches the same address by a grant. All of it is tried with
//! `tombolo run`, whose cell makes its connections itself, and on a node, where the broker makes them.

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod dns;
mod internal;
mod literals;
mod names;
mod namespaces;
mod node;
mod own;
mod peers;
mod rebinding;
mod roaming;
mod sockets;
mod tap;
mod urls;
mod world;
