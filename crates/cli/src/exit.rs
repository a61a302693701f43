//! Exit codes, mapped in this one place.

use std::fmt;
use std::process::ExitCode;

/// How a command ended, for the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The program's own exit code.
    Program(u8),
    /// The program reached its wall-clock limit.
    WallLimit,
    /// Tombolo's own error, or wrong usage.
    Own,
    /// The program is there and cannot or may not run here.
    NotPermitted,
    /// The program or function was not found.
    NotFound,
    /// The program trapped or was ended by a limit other than time.
    Trap,
    /// A signal ended the program's cell.
    Signal(i32),
}

impl Exit {
    /// The code the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Program(code) => code,
            Exit::WallLimit => 124,
            Exit::Own => 125,
            Exit::NotPermitted => 126,
            Exit::NotFound => 127,
            Exit::Trap => 134,
            Exit::Signal(signal) => 128_u8.wrapping_add(signal.to_le_bytes()[0]),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// An error with the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// An error whose exit code is this.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Failure {
        Failure { exit, error: error.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// An error is tombolo's own unless its place says otherwise.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { exit: Exit::Own, error: error.into() }
    }
}

/// Says which exit code an error has, where it isn't [`Exit::Own`].
pub(crate) trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(exit, error))
    }
}
