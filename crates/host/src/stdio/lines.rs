//! Output cut into lines for a log.

use super::LogStream;

/// Longer lines are cut here, so that a guest that never ends its line holds no more than this.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// Receives the lines that guests write to standard output and standard error.
///
/// Called on the thread that runs the guest, so it should hand the line on and return. Rate and size limits are
/// the sink's own.
pub trait LogSink: Send + Sync {
    /// One line without its line end: whatever bytes the guest wrote, at most [`LINE_BYTES_MAX`], perhaps not
    /// UTF-8. `request` is what the caller put into [`Output::Log`](super::Output::Log).
    fn line(&self, request: u128, stream: LogStream, line: &[u8]);

    /// A message that the guest logged, at most [`LINE_BYTES_MAX`] long and perhaps of several lines.
    fn message(&self, request: u128, level: LogLevel, context: &str, message: &str);
}

/// How much a logged message matters (`wasi:logging`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl LogLevel {
    /// The level's name in `wasi:logging`.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
            LogLevel::Critical => "critical",
        }
    }
}

/// The start of a text, at most `bytes` long and of whole characters.
pub(super) fn cut_text(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Holds the start of a line until its end comes.
#[derive(Debug, Default)]
pub(super) struct LineBuffer {
    partial: Vec<u8>,
}

impl LineBuffer {
    /// Adds bytes and gives each line that they complete to `line`.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = (&bytes[..end], &bytes[end + 1..]);
            self.complete(head, &mut line);
            bytes = tail;
        }
        self.hold(bytes, &mut line);
    }

    /// Gives what is left to `line`; at the end of an instance.
    pub(super) fn finish(&mut self, line: impl FnOnce(&[u8])) {
        if !self.partial.is_empty() {
            line(&self.partial);
            self.partial.clear();
        }
    }

    fn complete(&mut self, head: &[u8], line: &mut impl FnMut(&[u8])) {
        if self.partial.is_empty() {
            return cut(trim_cr(head), line);
        }
        self.hold(head, line);
        line(trim_cr(&self.partial));
        self.partial.clear();
    }

    /// Keeps `bytes`, giving away full pieces so that less than a longest line stays.
    fn hold(&mut self, mut bytes: &[u8], line: &mut impl FnMut(&[u8])) {
        while self.partial.len() + bytes.len() > LINE_BYTES_MAX {
            let (head, tail) = bytes.split_at(LINE_BYTES_MAX - self.partial.len());
            self.partial.extend_from_slice(head);
            line(&self.partial);
            self.partial.clear();
            bytes = tail;
        }
        self.partial.extend_from_slice(bytes);
    }
}

fn cut(line: &[u8], give: &mut impl FnMut(&[u8])) {
    if line.is_empty() {
        return give(line);
    }
    line.chunks(LINE_BYTES_MAX).for_each(give);
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}
