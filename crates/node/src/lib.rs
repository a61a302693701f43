//! The control plane: what a machine is told to run, and the processes that run it.
//!
//! [`reconcile`] decides and does nothing; everything that happens is an event to it and an action of it.
//!
//! This crate does not know about WebAssembly: engines, compilers and cells are programs that it starts.

#![warn(missing_docs)]

pub mod reconcile;
