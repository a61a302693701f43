//! Does what the reconciler says, with real processes, and tells it what happens.

mod act;
mod again;
mod calls;
mod cell;
mod certificates;
mod children;
mod egress;
mod gateway;
mod groups;
mod log;
mod node;
mod notify;
mod run;
mod verify;

pub use node::{Node, Options};
pub use run::{StartError, run};
