//! Standard input, output and error of a guest.
//!
//! Everything is streamed: bytes leave as the guest writes them and are never collected. Three uses:
//!
//! - `tombolo run` hands on its own streams ([`Stdio::inherit`]), a terminal stays a terminal, and a reader that
//!   went away ends the guest with [`ClosedPipe`], as SIGPIPE ends a native program (in 0.3, where a stream cannot
//!   trap, the guest gets an error, and [`Guest::output_ended`](crate::Guest::output_ended) says so afterwards);
//! - a function of a server logs line by line into a [`LogSink`];
//! - a CGI program reads its request from [`Input::reader`] and answers into an [`output_pipe`], which holds it
//!   back while nobody reads.

mod handles;
mod input;
mod lines;
mod output;
mod pipe;
mod shared;

pub(crate) mod p2;

#[cfg(test)]
mod tests;

pub use input::Input;
pub use lines::{LINE_BYTES_MAX, LogLevel, LogSink};
pub use output::Output;
pub use pipe::{OutputReader, output_pipe};
pub use shared::{ClosedPipe, OutputEnd};

pub(crate) use handles::{OutputHandle, StdinHandle};
pub(crate) use shared::{Shared, Slot, WriteError};

/// Which of a guest's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogStream {
    Stdout,
    Stderr,
}

/// Where a guest's three standard streams lead.
pub struct Stdio {
    pub stdin: Input,
    pub stdout: Output,
    pub stderr: Output,
}

impl Stdio {
    /// The streams of this process, for a program that runs in the foreground.
    pub fn inherit() -> Stdio {
        Stdio { stdin: Input::inherit(), stdout: Output::Stdout, stderr: Output::Stderr }
    }

    /// An input at its end, and outputs that swallow everything.
    pub fn null() -> Stdio {
        Stdio { stdin: Input::closed(), stdout: Output::Discard, stderr: Output::Discard }
    }
}
