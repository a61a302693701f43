//! The front's signals: taken one at a time by a blocking wait, never by a handler.

use std::mem::MaybeUninit;
use std::ptr;
use std::time::Duration;

use rustix::process::Pid;

/// End the cell, then the front the same way.
const ENDING: [i32; 7] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2, libc::SIGALRM];
/// Stop the cell, then the front.
const STOPPING: [i32; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Fits every C library's type for seconds; who waits longer is woken and asked again.
const LONGEST_WAIT_S: u64 = i32::MAX as u64;

/// What the front is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A child changed its state.
    Child,
    /// Told to end.
    End(i32),
    /// Told to stop.
    Stop(i32),
    /// Told to go on.
    Continue,
    /// Nothing happened until the deadline.
    Deadline,
    /// Woken for nothing.
    Nothing,
}

/// The signals that are watched, blocked until this is dropped.
///
/// A signal that was ignored at the start stays ignored (`nohup`, a shell's background jobs), and one with a
/// handler stays with its handler.
pub(super) struct Signals {
    watched: libc::sigset_t,
    before: libc::sigset_t,
    child_before: libc::sigaction,
}

impl Signals {
    pub(super) fn block() -> Self {
        // An ignored SIGCHLD would mean that the kernel forgets how the cell ended (wait(2)).
        let child_before = set_action(libc::SIGCHLD, libc::SIG_DFL);
        let watched = ENDING.into_iter().chain(STOPPING).filter(|&signal| action(signal) == libc::SIG_DFL);
        let watched = set_of(watched.chain([libc::SIGCONT, libc::SIGCHLD]));
        let before = mask(libc::SIG_BLOCK, &watched);
        Signals { watched, before, child_before }
    }

    /// Waits for one event, at most `timeout`.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Event {
        let timeout = timeout.map(|time| libc::timespec {
            tv_sec: time.as_secs().min(LONGEST_WAIT_S) as _,
            tv_nsec: time.subsec_nanos().into(),
        });
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: set and timeout are valid or null, and the answer's details are not asked for.
        let signal = unsafe { libc::sigtimedwait(&self.watched, ptr::null_mut(), timeout) };
        match signal {
            -1 if std::io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN) => Event::Deadline,
            libc::SIGCHLD => Event::Child,
            libc::SIGCONT => Event::Continue,
            signal if STOPPING.contains(&signal) => Event::Stop(signal),
            signal if ENDING.contains(&signal) => Event::End(signal),
            _ => Event::Nothing,
        }
    }

    /// Takes the action of a stopping signal that has been waited for: returns when somebody lets this process go on.
    pub(super) fn stop_here(&self, signal: i32) {
        raise_default(signal);
        mask(libc::SIG_BLOCK, &self.watched);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        mask(libc::SIG_SETMASK, &self.before);
        // SAFETY: this puts back an action that was in place before.
        unsafe { libc::sigaction(libc::SIGCHLD, &self.child_before, ptr::null_mut()) };
    }
}

/// Sends a signal to the cell; that it is gone already is no error.
pub(super) fn send(cell: Pid, signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(cell, signal);
}

/// Raises `signal` with its default action, unblocked. Returns if the action is not the end.
pub(super) fn raise_default(signal: i32) {
    set_action(signal, libc::SIG_DFL);
    let set = set_of([signal]);
    // SAFETY: raise has no preconditions.
    unsafe { libc::raise(signal) };
    mask(libc::SIG_UNBLOCK, &set);
}

fn set_of(signals: impl IntoIterator<Item = i32>) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, sigaddset changes it, both given a valid pointer.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

fn mask(how: i32, set: &libc::sigset_t) -> libc::sigset_t {
    let mut before = set_of([]);
    // SAFETY: both pointers are valid. The front has one thread, so its mask is the process's.
    unsafe { libc::pthread_sigmask(how, set, &mut before) };
    before
}

/// Calls `handler` at an `abort` of this process.
pub(super) fn on_abort(handler: extern "C" fn(i32)) {
    set_action(libc::SIGABRT, handler as *const () as libc::sighandler_t);
}

/// The handler's address, or `SIG_DFL` or `SIG_IGN`.
fn action(signal: i32) -> libc::sighandler_t {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new action given this only fills `action`, of which all-zero is a valid value.
    unsafe {
        libc::sigaction(signal, ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction
    }
}

fn set_action(signal: i32, handler: libc::sighandler_t) -> libc::sigaction {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    let mut action = before;
    // SAFETY: all-zero is a valid action; the handler is SIG_DFL or a function of the right type that only calls
    // what a handler may call.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = handler;
        libc::sigaction(signal, action.as_ptr(), before.as_mut_ptr());
        before.assume_init()
    }
}
