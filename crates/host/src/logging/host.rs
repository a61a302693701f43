//! `wasi:logging` 0.1.0-draft.

use wasmtime::component::HasData;

use crate::bindings::logging::logging as wit;
use crate::guest::Guest;
use crate::stdio::{LogLevel, WriteError};

/// Names a guest's log to the linker.
pub(crate) struct HasLogging;

impl HasData for HasLogging {
    type Data<'a> = LoggingView<'a>;
}

/// A guest that logs.
pub(crate) struct LoggingView<'a>(pub(crate) &'a mut Guest);

impl wit::Host for LoggingView<'_> {
    fn log(&mut self, level: wit::Level, context: String, message: String) -> wasmtime::Result<()> {
        match self.0.stdio().open().log(self::level(level), &context, &message) {
            Err(WriteError::Limit(limit)) => Err(limit.into()),
            Err(WriteError::Closed(closed)) => Err(closed.into()),
            // The interface has no word for it, and a program is not ended by a full disk under its log.
            Ok(()) | Err(WriteError::Io(_)) => Ok(()),
        }
    }
}

fn level(level: wit::Level) -> LogLevel {
    match level {
        wit::Level::Trace => LogLevel::Trace,
        wit::Level::Debug => LogLevel::Debug,
        wit::Level::Info => LogLevel::Info,
        wit::Level::Warn => LogLevel::Warn,
        wit::Level::Error => LogLevel::Error,
        wit::Level::Critical => LogLevel::Critical,
    }
}
