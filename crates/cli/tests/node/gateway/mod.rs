//! The gateway of a node: its public listeners.

mod tls;
mod walls;
