//! `tombolo node` as its users meet it: real processes, sockets and disks.

#[path = "../common/certificates.rs"]
mod certificates;
#[path = "../common/mod.rs"]
mod common;
mod deploys;
mod faults;
mod gateway;
mod tenants;
mod tokens;
mod upgrade;
mod world;
