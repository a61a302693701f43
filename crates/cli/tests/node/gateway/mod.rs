//! The gateway of a node: its public listeners.

mod listeners;
mod own;
mod tls;
mod walls;
