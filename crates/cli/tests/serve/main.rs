//! `tombolo serve` as a process, seen from outside.

#[path = "../common/mod.rs"]
mod common;
mod refusals;
mod reload;
mod traces;
mod world;
