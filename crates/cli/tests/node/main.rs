//! `tombolo node` as its users meet it: real processes, sockets and disks.

mod attacker;
mod browser;
#[path = "../common/certificates.rs"]
mod certificates;
mod cgroups;
mod churn;
#[path = "../common/mod.rs"]
mod common;
mod deploys;
mod egress;
mod explain;
mod faults;
#[path = "../common/flood.rs"]
mod flood;
mod gateway;
mod greedy;
mod hostile;
mod internal;
mod page;
mod power;
mod replace;
mod secrets;
mod store;
mod tenants;
mod tokens;
mod top;
mod upgrade;
mod volumes;
mod world;
