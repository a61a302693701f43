//! `tombolo serve` as a process, seen from outside, as far as possible by clients that nobody here wrote.

mod certificates;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod drain;
mod fresh;
mod refusals;
mod reload;
mod sockets;
mod tls;
mod traces;
mod world;
