//! `tombolo compile`, and the compiler child that all compilation happens in.

use std::path::Path;

use anyhow::{Context, anyhow};
use tombolo_engine::{EngineOptions, Target, class};
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
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    Exit::Program(compiler_main(arguments, &mut input, &mut output, &mut std::io::stderr()))
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
