//! Does what the reconciler says, with real processes, and tells it what happens.

mod act;
mod again;
mod before;
mod calls;
mod cell;
mod certificates;
mod children;
mod egress;
mod estate;
mod gateway;
mod groups;
mod log;
mod node;
mod notify;
mod run;
mod sockets;
mod upgrade;
mod verify;

pub use estate::{Estate, EstateError};
pub use node::{Node, Options, Program};
pub use run::{Ended, StartError, Successor, run};
pub(crate) use upgrade::UpgradeError;
pub use upgrade::{Fit, check};
