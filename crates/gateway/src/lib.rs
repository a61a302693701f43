//! The public side of a node: takes requests from anybody and gives each to the cell of the tenant whose route it is.
//!
//! A process of its own, so that what parses the bytes of strangers holds nothing but sockets: those that it listens on,
//! and a passage to each cell. It locks itself down before the first connection. It is told what to do by the node over
//! one Unix socket ([`wire`]), and knows nothing of apps, revisions or why a cell is where it is.
//!
//! ```text
//! accept → head → route → forward → cell … answer → client
//! ```
//!
//! Calls from app to app of the node come in beside them, by connections of which the node's broker says who calls whom
//! (`internal`).

#![warn(missing_docs)]

mod accept;
mod body;
mod forward;
mod headers;
mod internal;
mod orders;
mod passages;
mod places;
mod pool;
mod refusal;
mod run;
mod table;
pub mod wire;

pub use run::{GatewayError, run};
