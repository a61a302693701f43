//! `wasi:cli/stdin`, `stdout`, `stderr` and the terminals, 0.2.

use std::sync::Arc;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal as _, StdinStream as _};
use wasmtime_wasi::p2::bindings::cli::{
    stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::{LogStream, OutputHandle, Slot, StdinHandle};

/// Names a guest's standard streams to the linker.
pub(crate) struct HasStdio;

impl HasData for HasStdio {
    type Data<'a> = StdioView<'a>;
}

/// A guest's streams, and the table that its handles to them go into.
pub(crate) struct StdioView<'a> {
    pub(crate) slot: &'a mut Slot,
    pub(crate) table: &'a mut ResourceTable,
}

type TerminalInput = terminal_input::TerminalInput;
type TerminalOutput = terminal_output::TerminalOutput;

impl StdioView<'_> {
    fn output(&mut self, stream: LogStream) -> wasmtime::Result<Resource<DynOutputStream>> {
        let handle: DynOutputStream = Box::new(OutputHandle::new(Arc::clone(self.slot.open()), stream));
        Ok(self.table.push(handle)?)
    }

    fn terminal(&mut self, stream: LogStream) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        match self.slot.open().is_terminal(stream) {
            true => Ok(Some(self.table.push(terminal_output::TerminalOutput)?)),
            false => Ok(None),
        }
    }
}

impl stdin::Host for StdioView<'_> {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let stream: DynInputStream = StdinHandle(Arc::clone(self.slot.open())).p2_stream();
        Ok(self.table.push(stream)?)
    }
}

impl stdout::Host for StdioView<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.output(LogStream::Stdout)
    }
}

impl stderr::Host for StdioView<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.output(LogStream::Stderr)
    }
}

impl terminal_stdin::Host for StdioView<'_> {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<TerminalInput>>> {
        match self.slot.open().stdin().is_terminal() {
            true => Ok(Some(self.table.push(terminal_input::TerminalInput)?)),
            false => Ok(None),
        }
    }
}

impl terminal_stdout::Host for StdioView<'_> {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        self.terminal(LogStream::Stdout)
    }
}

impl terminal_stderr::Host for StdioView<'_> {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        self.terminal(LogStream::Stderr)
    }
}

impl terminal_input::Host for StdioView<'_> {}
impl terminal_output::Host for StdioView<'_> {}

impl terminal_input::HostTerminalInput for StdioView<'_> {
    fn drop(&mut self, terminal: Resource<TerminalInput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::HostTerminalOutput for StdioView<'_> {
    fn drop(&mut self, terminal: Resource<TerminalOutput>) -> wasmtime::Result<()> {
        self.table.delete(terminal)?;
        Ok(())
    }
}
