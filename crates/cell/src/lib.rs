//! The cell: the way of one invocation, for a program in the foreground.

pub mod command;
mod policy;

pub use policy::{needs_network, policy};
