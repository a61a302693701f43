//! What the measurements share: processes, numbers, and the table in which they end.

pub mod client;
pub mod container;
pub mod cpus;
pub mod load;
pub mod memory;
pub mod node;
pub mod peers;
pub mod run;
pub mod servers;
pub mod stats;
pub mod table;
