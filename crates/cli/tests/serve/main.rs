//! `tombolo serve` as a process, seen from outside, as far as possible by clients that nobody here wrote.

mod attackers;
#[path = "../common/certificates.rs"]
mod certificates;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod drain;
#[path = "../common/flood.rs"]
mod flood;
mod fresh;
mod isolation;
mod refusals;
mod reload;
mod sockets;
mod tls;
mod traces;
mod world;
