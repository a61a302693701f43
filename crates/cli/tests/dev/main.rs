//! `tombolo dev`: the real binary, watched while files change.

mod help;
mod keys;
#[path = "../languages/project.rs"]
#[allow(dead_code)] // Shared with the tests of languages, which use more of it.
mod project;
mod saves;
mod swap;
mod world;
