//! Why a guest ended, from Wasmtime's error.

mod frames;
mod text;

use std::fmt;

use tombolo_spec::LimitName;
use wasmtime::{ThrownException, Trap, UnknownImportError, WasmBacktrace};

use crate::budget::Budget;
use crate::limits::LimitHit;

pub use frames::Frame;

/// The end of a guest, other than by returning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It exited with this code, 0 included.
    Exit(i32),
    /// It did what WebAssembly forbids, or gave up (`unreachable`, `abort`).
    Trap(TrapReport),
    /// It hit a limit.
    Limit(LimitHit),
    /// It was refused memory because the instances of the process together have it all; not its own fault.
    Starved,
    /// It could not be instantiated: it imports what nothing provides, or with another type.
    Link(LinkFault),
    /// A host function failed in a way that it has no error code for.
    Host(String),
}

/// What is known of a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapReport {
    pub message: String,
    /// Calls of the guest, the innermost first, at most 20.
    pub frames: Vec<Frame>,
    /// The last limit that the guest was refused for before. A guest often traps because it was refused memory.
    pub refused: Option<LimitHit>,
}

/// What could not be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFault {
    /// The import, as the artifact spells it: `wasi:http/types@0.2.6` or `env::log`.
    pub import: Option<String>,
    pub message: String,
}

/// Says why a guest ended with `error`.
///
/// `exit_code` recognises the error by which a WASI host ends a program; `budget` is the one of the guest's store.
pub fn classify(
    error: &wasmtime::Error,
    exit_code: impl Fn(&wasmtime::Error) -> Option<i32>,
    budget: &mut Budget,
) -> Fault {
    if let Some(code) = exit_code(error) {
        return Fault::Exit(code);
    }
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return Fault::Limit(*hit);
    }
    if budget.is_starved() {
        return Fault::Starved;
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return from_trap(*trap, error, budget);
    }
    if error.is::<ThrownException>() {
        return Fault::Trap(report("an exception that nothing catches".to_owned(), error, budget));
    }
    if let Some(limit) = text::limit(error) {
        return Fault::Limit(budget.refuse(limit));
    }
    match link_fault(error) {
        Some(fault) => Fault::Link(fault),
        None => Fault::Host(printable(&text::causes(error))),
    }
}

/// What could not be linked, if that is what `error` says. For linking before there is a store.
pub fn link_fault(error: &wasmtime::Error) -> Option<LinkFault> {
    let import = match error.downcast_ref::<UnknownImportError>() {
        Some(unknown) => Some(format!("{}::{}", unknown.module(), unknown.name())),
        None => text::component_import(error)?,
    };
    Some(LinkFault { import: import.as_deref().map(printable), message: printable(&text::causes(error)) })
}

fn from_trap(trap: Trap, error: &wasmtime::Error, budget: &mut Budget) -> Fault {
    if trap == Trap::StackOverflow {
        return Fault::Limit(budget.refuse(LimitName::Stack));
    }
    let message = trap.to_string();
    let message = message.strip_prefix("wasm trap: ").unwrap_or(&message).to_owned();
    Fault::Trap(report(message, error, budget))
}

fn report(message: String, error: &wasmtime::Error, budget: &Budget) -> TrapReport {
    let frames = error.downcast_ref::<WasmBacktrace>().map(frames::of).unwrap_or_default();
    TrapReport { message, frames, refused: budget.hit() }
}

/// Names come out of the artifact: a terminal must not obey what stands in them.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '\n',
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Exit(code) => write!(f, "the program ended with exit code {code}"),
            Fault::Trap(report) => report.fmt(f),
            Fault::Limit(hit) => hit.fmt(f),
            Fault::Starved => f.write_str("the memory that all instances share is used up"),
            Fault::Link(fault) => f.write_str(&fault.message),
            Fault::Host(message) => write!(f, "a host function failed: {message}"),
        }
    }
}

impl fmt::Display for TrapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trap: {}", self.message)?;
        for (number, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {number:>3}: {frame}")?;
        }
        match &self.refused {
            Some(hit) => write!(f, "\nbefore that, the program was refused what it asked for: {hit}"),
            None => Ok(()),
        }
    }
}
