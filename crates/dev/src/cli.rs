//! The command lines of the developer's commands; the comments are the help.
//!
//! Each function does what its command does and returns the exit code: 0, or 1 when a build or a test failed. An error
//! is tombolo's own, or wrong usage.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

pub use crate::language::{Kind, Language};

use crate::error::DevError;

/// Make a small project in a language of your choice
///
/// Writes a function, its manifest, a test and a README into a new folder NAME. Asks for what is not given when on a
/// terminal. Never overwrites a file.
#[derive(Args, Debug)]
pub struct NewArgs {
    /// The project's name, which is also its folder: a-z, 0-9 and -
    pub name: Option<String>,
    /// The language
    #[arg(short, long, value_enum)]
    pub lang: Option<Language>,
    /// What wakes the function [default: http]
    #[arg(short, long, value_enum)]
    pub kind: Option<Kind>,
}

/// Build the functions of a manifest with their own tools
///
/// Runs the `build` line of each function in the manifest's folder, functions side by side, and checks that the result
/// can be woken by what the manifest says. Leaves out what has not changed. With one compiler, the same sources give
/// the same digest.
#[derive(Args, Debug)]
pub struct BuildArgs {
    /// Only these functions [default: all]
    pub functions: Vec<String>,
    /// The manifest
    #[arg(short = 'f', long = "file", value_name = "MANIFEST", default_value = "tombolo.toml")]
    pub manifest: PathBuf,
    /// Build also what has not changed
    #[arg(long)]
    pub force: bool,
    /// Show what the tools print, also when they succeed
    #[arg(short, long)]
    pub verbose: bool,
    /// How many builds at a time [default: one per processor]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// Build, serve, and do both again whenever a file changes
///
/// A change that does not build leaves the last good version serving. Requests are never dropped.
#[derive(Args, Debug)]
pub struct DevArgs {
    /// The manifest
    #[arg(short = 'f', long = "file", value_name = "MANIFEST", default_value = "tombolo.toml")]
    pub manifest: PathBuf,
    /// Where to answer requests
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}

/// Run the test cases of a project, each with fresh state
///
/// A case in tests/*.toml sends a request, an event or standard input to a function and says what must come back: see
/// docs/testing.md. Builds first. Exits with 1 when a case fails.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Only cases with this text in their name or file
    pub filter: Option<String>,
    /// The manifest
    #[arg(short = 'f', long = "file", value_name = "MANIFEST", default_value = "tombolo.toml")]
    pub manifest: PathBuf,
    /// Test what was built last
    #[arg(long)]
    pub no_build: bool,
}

/// Show which languages can be built here, and how to get the others
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Only these languages [default: all]
    #[arg(value_enum)]
    pub languages: Vec<Language>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Write the interfaces that functions can use, as WIT for a bindings generator
#[derive(Args, Debug)]
pub struct WitArgs {
    /// The folder to write into
    #[arg(value_name = "DIR", default_value = "wit")]
    pub folder: PathBuf,
    /// Only list the packages
    #[arg(long)]
    pub list: bool,
    /// Replace files that were changed
    #[arg(long)]
    pub force: bool,
}

/// `tombolo new`.
///
/// # Errors
/// A name that is none, a folder that is there, nobody to ask.
pub fn new(args: &NewArgs) -> Result<u8, DevError> {
    crate::new::run(args)
}

/// `tombolo build`.
///
/// # Errors
/// A manifest that cannot be read, an unknown function.
pub fn build(args: &BuildArgs) -> Result<u8, DevError> {
    crate::build::run(args)
}

/// `tombolo dev`: returns when it is told to stop.
///
/// # Errors
/// A manifest that cannot be read at the start, an address that is taken.
pub fn dev(args: &DevArgs) -> Result<u8, DevError> {
    crate::dev::run(args)
}

/// `tombolo test`.
///
/// # Errors
/// A manifest or test file that cannot be read, a server that does not start.
pub fn test(args: &TestArgs) -> Result<u8, DevError> {
    crate::test::run(args)
}

/// `tombolo doctor`.
///
/// # Errors
/// Standard output that cannot be written.
pub fn doctor(args: &DoctorArgs) -> Result<u8, DevError> {
    crate::doctor::run(args)
}

/// `tombolo wit`.
///
/// # Errors
/// Files that are there and differ, or cannot be written.
pub fn wit(args: &WitArgs) -> Result<u8, DevError> {
    crate::wit::run(args)
}
