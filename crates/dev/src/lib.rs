//! The developer's commands: `tombolo new`, `build`, `dev`, `test`, `doctor` and `wit`.
//!
//! Each drives the language's own tools as child processes, and tombolo itself as a child for whatever needs the
//! engine (inspecting, running, serving). This crate knows manifests; it does not know what WebAssembly is.

mod build;
mod child;
pub mod cli;
mod dev;
mod doctor;
mod error;
mod language;
mod new;
mod project;
mod say;
mod test;
mod tombolo;
mod toolchain;
mod wit;

pub use error::DevError;
