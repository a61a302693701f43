//! `tombolo node` as its users meet it: real processes, sockets and disks.

mod attacker;
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
mod gateway;
mod greedy;
mod hostile;
mod power;
mod tenants;
mod tokens;
mod upgrade;
mod world;
