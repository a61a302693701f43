//! Log messages: `wasi:logging` 0.1.0-draft.
//!
//! A message goes where standard error goes: as a structured line with its level and context into the log of a
//! server, as a line of text to the terminal of a program. It counts for the limit `output`, and a server's log
//! takes as much as the limit `logs` says, so a guest that logs without end costs no more than one that writes.

mod host;

pub(crate) use host::{HasLogging, LoggingView};
