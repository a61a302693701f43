//! Where standard output and standard error lead.

use std::io::IsTerminal as _;
use std::sync::Arc;

use super::LogSink;
use super::pipe::PipeWriter;

/// One output stream of a guest.
pub enum Output {
    /// Swallowed.
    Discard,
    /// This process' standard output, unbuffered: a write of the guest is a write of the process.
    Stdout,
    /// This process' standard error.
    Stderr,
    /// Cut into lines for a log. `request` comes back with each line.
    Log { sink: Arc<dyn LogSink>, request: u128 },
    /// Chunks for a reader in this process; made by [`output_pipe`](super::output_pipe).
    Pipe(PipeWriter),
}

impl Output {
    pub(super) fn is_terminal(&self) -> bool {
        match self {
            Output::Stdout => std::io::stdout().is_terminal(),
            Output::Stderr => std::io::stderr().is_terminal(),
            Output::Discard | Output::Log { .. } | Output::Pipe(_) => false,
        }
    }

    /// The sink to cut lines for, when this is a log.
    pub(super) fn log(&self) -> Option<(&dyn LogSink, u128)> {
        match self {
            Output::Log { sink, request } => Some((sink.as_ref(), *request)),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Output::Discard => "Discard",
            Output::Stdout => "Stdout",
            Output::Stderr => "Stderr",
            Output::Log { .. } => "Log",
            Output::Pipe(_) => "Pipe",
        })
    }
}
