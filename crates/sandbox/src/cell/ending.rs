//! Ends other than an exit code.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::signals;

/// What a cell may ask its front to die of: signals that end a program and that say something of the program.
const ALLOWED: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGABRT,
    libc::SIGPIPE,
    libc::SIGTERM,
    libc::SIGXCPU,
    libc::SIGXFSZ,
];

/// A cell's way to tell its front that the program ends by a signal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ending(Arc<OwnedFd>);

impl Ending {
    pub(super) fn new(channel: OwnedFd) -> Self {
        Ending(Arc::new(channel))
    }

    /// Ends the cell at once, and the front by this signal, so that a shell sees what a native program would show.
    ///
    /// For `SIGPIPE`, when a guest writes to a closed output, and the like. Can be called from any thread.
    pub fn by_signal(&self, signal: i32) -> ! {
        // Nobody is left to tell if the front is gone; the exit code says the same in a shell's way.
        let _ = u8::try_from(signal).map(|byte| rustix::io::write(&*self.0, &[byte]));
        exit_now(128 + signal)
    }

    pub(super) fn channel(&self) -> &OwnedFd {
        &self.0
    }
}

/// The signal that the cell asked for before it ended, if it is one that it may ask for.
pub(super) fn asked_for(channel: &OwnedFd) -> Option<i32> {
    let mut byte = [0];
    let read = rustix::io::read(channel, &mut byte).ok()?;
    (read == 1).then_some(i32::from(byte[0])).filter(|signal| ALLOWED.contains(signal))
}

/// Ends this process by `signal` with its default action, and without a core file.
pub fn die_of_signal(signal: i32) -> ! {
    // A core of the front would hold what its environment holds.
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    signals::raise_default(signal);
    exit_now(128 + signal)
}

/// Ends the process without running anything that was registered for the end of the front.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}
