//! `tombolo node` as its users meet it: real processes, sockets and disks.

mod attacker;
#[path = "../common/mod.rs"]
mod common;
mod cgroups;
mod deploys;
mod faults;
mod hostile;
mod tenants;
mod tokens;
mod upgrade;
mod world;
