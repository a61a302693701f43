//! `tombolo node` as its users meet it: real processes, sockets and disks.

mod attacker;
mod browser;
mod cgroups;
#[path = "../common/mod.rs"]
mod common;
mod deploys;
mod explain;
mod faults;
mod hostile;
mod page;
mod secrets;
mod tenants;
mod tokens;
mod top;
mod upgrade;
mod world;
