//! Ends other than an exit code.

/// A cell's way to tell its front that the program ends by a signal.
#[derive(Clone, Debug)]
pub struct Ending {}

impl Ending {
    /// Ends the cell at once, and the front by this signal, so that a shell sees what a native program would show.
    /// For `SIGPIPE`: a guest that writes to a closed output.
    pub fn by_signal(&self, signal: i32) -> ! {
        die_of_signal(signal)
    }
}

/// Ends this process by `signal` with its default action, and without a core file.
pub fn die_of_signal(signal: i32) -> ! {
    std::process::exit(128 + signal)
}
