//! The control plane: what a machine is told to run, and the processes that run it.
//!
//! ```text
//! API ─▶ state on disk ─▶ reconcile (decides, does nothing) ─▶ supervise (does, decides nothing) ─▶ processes
//!                              ▲                                                                       │
//!                              └────────────────────────── events ◀────────────────────────────────────┘
//! ```
//!
//! This crate does not know about WebAssembly: engines, compilers and cells are programs that it starts. It reads no
//! byte of an artifact but to see that it is the one that was announced.

#![warn(missing_docs)]

pub mod api;
mod audit;
pub mod ceilings;
mod certificates;
pub mod client;
pub mod db;
pub mod dirs;
pub mod disk;
mod failpoint;
mod logs;
mod observe;
mod public;
pub mod reconcile;
mod release;
mod supervise;
mod usage;
mod volumes;
pub mod wire;

pub use certificates::CertificateError;
pub use failpoint::{failpoint, variable_for_child};
pub use public::{Public, PublicError};
pub use supervise::{
    Ended, Estate, EstateError, Fit, Node, Options, Program, StartError, Successor, check, run,
};
