//! Why a guest ended, from Wasmtime's error.

use wasmtime::{Trap, WasmBacktrace};

use crate::limits::LimitHit;

/// The end of a guest, other than by returning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It exited with this code, 0 included.
    Exit(i32),
    /// It did something that WebAssembly forbids. The backtrace has one line per frame, the innermost first.
    Trap { message: String, backtrace: Vec<String>, after: Option<LimitHit> },
    /// It hit a limit.
    Limit(LimitHit),
    /// It could not be linked: an import that nothing provides, or with another signature.
    Link(String),
    /// Something on our side went wrong.
    Internal(String),
}

/// Says why a guest ended with `error`.
///
/// `exit_code` recognises the error by which the WASI host ends a program; `hit` is the last limit that the guest
/// was refused for ([`Budget::hit`](crate::Budget::hit)), which often explains a trap.
pub fn classify(
    error: &wasmtime::Error,
    exit_code: impl Fn(&wasmtime::Error) -> Option<i32>,
    hit: Option<&LimitHit>,
) -> Fault {
    if let Some(code) = exit_code(error) {
        return Fault::Exit(code);
    }
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return Fault::Limit(hit.clone());
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => {
            Fault::Trap { message: trap.to_string(), backtrace: backtrace(error), after: hit.cloned() }
        }
        None => Fault::Internal(format!("{error:#}")),
    }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    frames
        .iter()
        .map(|frame| format!("{} at {:?}", frame.func_name().unwrap_or("?"), frame.module_offset()))
        .collect()
}
