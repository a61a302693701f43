//! `tombolo node` as its users meet it: real processes, sockets and disks.

mod browser;
#[path = "../common/mod.rs"]
mod common;
mod deploys;
mod explain;
mod faults;
mod page;
mod tenants;
mod tokens;
mod top;
mod upgrade;
mod world;
