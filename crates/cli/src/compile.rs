//! `tombolo compile`, and the compiler child that all compilation happens in.

use std::io::{self, StdoutLock, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use tombolo_engine::{EngineOptions, Target, class};
use tombolo_node::failpoint;
use tombolo_store::{Compiler, CompilerLimits, compiler_main};

use crate::args::CompileArgs;
use crate::exit::{Exit, Failure, OrExit};
use crate::program::Program;

/// Writes an artifact's machine code to a file.
///
/// # Errors
/// The artifact is no program, does not compile, the target is unknown, or the file cannot be written.
pub(crate) fn compile(args: &CompileArgs) -> Result<Exit, Failure> {
    let target = args.target.as_deref().map(str::parse::<Target>).transpose()?;
    let program = Program::read(&args.artifact)?;
    let options = EngineOptions::new(class(&program.info)).with_target(target);
    let code = Compiler::this_program(CompilerLimits::default())
        .compile(&program.bytes, &options)
        .map_err(|error| anyhow!("{}: {error}", program.path.display()))
        .or_exit(Exit::NotPermitted)?;
    write_whole(&args.output, &code)?;
    Ok(Exit::Program(0))
}

/// The compiler child: standard input to standard output.
pub(crate) fn child(arguments: &[String]) -> Exit {
    failpoint("compiler-begun");
    let (mut input, mut output) = (io::stdin().lock(), Answer(io::stdout().lock()));
    Exit::Program(compiler_main(arguments, &mut input, &mut output, &mut io::stderr()))
}

/// The compiled code on its way out: a compiler may end in the middle of it.
struct Answer(StdoutLock<'static>);

impl Write for Answer {
    fn write(&mut self, code: &[u8]) -> io::Result<usize> {
        let written = self.0.write(code);
        failpoint("compiler-answered");
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes beside the target and renames, so that a reader sees all or nothing.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("{}: cannot be written", path.display());
    let mut name = path.file_name().with_context(failed)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error that matters is the first.
        let _ = std::fs::remove_file(&temporary);
    }
    written.with_context(failed)
}
