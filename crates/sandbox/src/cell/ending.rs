//! Ends other than an exit code: what the cell tells the front through a pipe, in its last moment.

use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

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

/// The message: one of these, then a signal's number.
const ASKED: u8 = 1;
const ABORTED: u8 = 2;

/// What the cell said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastWord {
    /// It asks the front to end by this signal.
    Asked(i32),
    /// It called `abort`.
    Aborted,
}

/// A cell's way to tell its front that the program ends by a signal.
#[derive(Clone, Copy, Debug)]
pub struct Ending(());

/// The cell's end of the pipe. It stays open to the end of the process: an abort can come at any time.
static CHANNEL: AtomicI32 = AtomicI32::new(-1);

impl Ending {
    /// Also has an `abort` of this process, which must be the cell's, reported as such. The first process of a
    /// namespace does not die of its own signals; the C library then crashes on purpose, as something else.
    pub(super) fn new(channel: OwnedFd) -> Self {
        CHANNEL.store(channel.into_raw_fd(), Ordering::Relaxed);
        signals::on_abort(abort);
        Ending(())
    }

    /// Ends the cell at once, and the front by this signal, so that a shell sees what a native program would show.
    ///
    /// For `SIGPIPE`, when a guest writes to a closed output, and the like; can be called from any thread. A signal
    /// that does not end programs becomes the exit code 128 + `signal`.
    pub fn by_signal(self, signal: i32) -> ! {
        end(ASKED, signal)
    }

    /// Ends the cell at once with this exit code, from any thread.
    pub fn with_code(self, code: u8) -> ! {
        exit_now(code.into())
    }
}

extern "C" fn abort(signal: i32) {
    end(ABORTED, signal)
}

/// Calls only what a handler may call (signal-safety(7)). If the front is gone nobody is left to tell; the exit code
/// says the same in a shell's way.
fn end(kind: u8, signal: i32) -> ! {
    let message = [kind, signal as u8];
    // SAFETY: the message is valid for its length.
    unsafe { libc::write(CHANNEL.load(Ordering::Relaxed), message.as_ptr().cast(), message.len()) };
    exit_now(128 + signal)
}

/// What the cell said before it ended, if it is something that it may say.
pub(super) fn last_word(channel: &OwnedFd) -> Option<LastWord> {
    let mut message = [0; 2];
    match (rustix::io::read(channel, &mut message).ok()?, message.map(i32::from)) {
        (2, [kind, signal]) if kind == i32::from(ASKED) => {
            ALLOWED.contains(&signal).then_some(LastWord::Asked(signal))
        }
        (2, [kind, _]) if kind == i32::from(ABORTED) => Some(LastWord::Aborted),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &[u8]) -> Option<LastWord> {
        let (reader, writer) = rustix::pipe::pipe().expect("make a pipe");
        rustix::io::write(&writer, message).expect("write to a pipe");
        drop(writer);
        last_word(&reader)
    }

    #[test]
    fn a_cell_can_only_ask_for_signals_that_end_programs() {
        assert_eq!(said(&[ASKED, libc::SIGPIPE as u8]), Some(LastWord::Asked(libc::SIGPIPE)));
        for signal in [0, libc::SIGSTOP, libc::SIGKILL, libc::SIGCONT, libc::SIGTSTP, 255] {
            assert_eq!(said(&[ASKED, signal as u8]), None, "signal {signal}");
        }
    }

    #[test]
    fn what_is_no_message_is_ignored() {
        assert_eq!(said(&[ABORTED, 0]), Some(LastWord::Aborted));
        for message in [&[][..], &[ASKED], &[0, 13], &[9, 13]] {
            assert_eq!(said(message), None, "{message:?}");
        }
    }
}
