//! What can go wrong in a developer's command, each with what to do about it.

use std::path::{Path, PathBuf};

use tombolo_spec::Problems;

/// Why a command stopped before its work was done.
///
/// A failed build or a failed test case is not one: those are results, and the command's exit code is 1.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// A file or folder that could not be read, written or made.
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    /// No manifest where one must be.
    #[error("no manifest: {} is not there; go to the project's folder, give one with -f, or make a project with `tombolo new`", path.display())]
    NoManifest { path: PathBuf },
    /// A manifest with problems; each has its own line and remedy.
    #[error("{0}")]
    Manifest(Problems),
    /// A function that the manifest does not have.
    #[error("{}: no function {name:?}; it has: {known}", manifest.display())]
    UnknownFunction { manifest: PathBuf, name: String, known: String },
    /// A name or language that only a person could have been asked for.
    #[error("no {what} given, and nobody to ask: standard input is not a terminal; {remedy}")]
    CannotAsk { what: &'static str, remedy: &'static str },
    /// A project's name that cannot be one.
    #[error("{0}")]
    Name(String),
    /// Files that are there and would have been overwritten.
    #[error("{} is there already and nothing is ever overwritten; {remedy}", path.display())]
    Exists { path: PathBuf, remedy: &'static str },
    /// A tool, or tombolo itself, that could not be started.
    #[error("cannot start {program}: {source}; {remedy}")]
    Start { program: String, source: std::io::Error, remedy: String },
    /// A tool that ended otherwise than expected.
    #[error("{what} failed: {why}")]
    Tool { what: String, why: String },
    /// A test file that is not one.
    #[error("{}: {why}", path.display())]
    TestFile { path: PathBuf, why: String },
    /// The server that answers requests in `dev` and `test`.
    #[error("the server {what}{output}")]
    Server { what: String, output: String },
    /// An address that `dev` cannot have.
    #[error(
        "cannot listen on {address}: {source}; stop the other process, or choose another address with --listen"
    )]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    /// The terminal.
    #[error("cannot ask on this terminal: {0}")]
    Terminal(String),
    /// Watching files for changes.
    #[error("cannot watch {} for changes: {source}", path.display())]
    Watch { path: PathBuf, source: notify::Error },
}

impl DevError {
    /// For `map_err`: a file operation that failed.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DevError {
        move |source| DevError::File { action, path: path.to_owned(), source }
    }
}
