//! Backtraces of guests, with the names and lines that the artifact carries.

use std::fmt::{self, Write};

use wasmtime::{FrameInfo, FrameSymbol, WasmBacktrace};

use super::printable;

/// Longest function name that is shown, in bytes. Demangling can blow a short name up without end.
const NAME_BYTES_MAX: usize = 300;

/// One call in a backtrace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The function's name, demangled, or its number.
    pub function: String,
    /// The module's name, if it has one.
    pub module: Option<String>,
    /// Where in the module's bytes.
    pub offset: Option<usize>,
    /// `src/main.rs:12:5`, if the artifact carries debug information.
    pub source: Option<String>,
}

/// The frames of a backtrace, functions that were inlined included.
pub(super) fn of(backtrace: &WasmBacktrace) -> Vec<Frame> {
    backtrace.frames().iter().flat_map(frames).collect()
}

fn frames(info: &FrameInfo) -> Vec<Frame> {
    let own = || match info.func_name() {
        Some(name) => demangled(name),
        None => format!("function {}", info.func_index()),
    };
    let frame = |function: String, source: Option<String>| Frame {
        function,
        module: info.module().name().map(printable),
        offset: info.module_offset(),
        source,
    };
    match info.symbols() {
        [] => vec![frame(own(), None)],
        symbols => symbols
            .iter()
            .map(|symbol| frame(symbol.name().map_or_else(own, demangled), source(symbol)))
            .collect(),
    }
}

fn source(symbol: &FrameSymbol) -> Option<String> {
    let mut source = printable(symbol.file()?);
    for number in [symbol.line(), symbol.column()].into_iter().map_while(|number| number) {
        source.push_str(&format!(":{number}"));
    }
    Some(source)
}

fn demangled(name: &str) -> String {
    let mut bounded = Bounded(String::new());
    // A name that is cut short ends the writing with an error: what was written is what is shown.
    let _ = write_demangled(&mut bounded, name);
    printable(&bounded.0)
}

fn write_demangled(out: &mut Bounded, name: &str) -> fmt::Result {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return write!(out, "{rust:#}");
    }
    match name.starts_with("_Z").then(|| cpp_demangle::Symbol::new(name)) {
        Some(Ok(cpp)) => cpp.structured_demangle(out, &cpp_demangle::DemangleOptions::default()),
        _ => out.write_str(name),
    }
}

/// Text that stops growing.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = NAME_BYTES_MAX.saturating_sub(self.0.len());
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.module, self.offset) {
            (Some(module), Some(offset)) => write!(f, " ({module}+{offset:#x})")?,
            (Some(module), None) => write!(f, " ({module})")?,
            (None, Some(offset)) => write!(f, " (+{offset:#x})")?,
            (None, None) => {}
        }
        match &self.source {
            Some(source) => write!(f, " at {source}"),
            None => Ok(()),
        }
    }
}
