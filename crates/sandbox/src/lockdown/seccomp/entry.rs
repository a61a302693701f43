//! The words in which the lists are written.

use std::ffi::c_long;

/// What happens to one system call, and why.
pub(super) struct Entry {
    /// Its number on this architecture.
    pub(super) number: c_long,
    pub(super) answer: Answer,
    /// Why it is needed, or what it would be used for.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader, and for the test that wants one"))]
    pub(super) why: &'static str,
}

/// What the filter answers.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Allow,
    /// Allowed if every check of at least one of the alternatives holds, otherwise `EPERM`.
    AllowIf(&'static [&'static [Check]]),
    /// `ENOSYS`: the library falls back to an older call.
    NoSuchCall,
    /// The process ends with `SIGSYS`.
    Kill,
}

/// A look at one argument; arguments count from 0.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// The lower 32 bits are this.
    Is(u8, u32),
    /// The bits of the mask (first number) have this value (second number).
    Bits(u8, u32, u32),
    /// A null pointer.
    Null(u8),
    /// The process's own number at the time the filter is made.
    OwnProcess(u8),
}

pub(super) const fn allow(number: c_long, why: &'static str) -> Entry {
    Entry { number, answer: Answer::Allow, why }
}

pub(super) const fn allow_if(number: c_long, any: &'static [&'static [Check]], why: &'static str) -> Entry {
    Entry { number, answer: Answer::AllowIf(any), why }
}

pub(super) const fn no_such_call(number: c_long, why: &'static str) -> Entry {
    Entry { number, answer: Answer::NoSuchCall, why }
}

pub(super) const fn kill(number: c_long, why: &'static str) -> Entry {
    Entry { number, answer: Answer::Kill, why }
}
