//! Compiling in a process of its own.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tombolo_engine::EngineOptions;

use crate::child::{COMPILE_COMMAND, arguments};

/// What one compilation may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompilerLimits {
    pub time: Duration,
    /// Address space of the compiler process, in bytes.
    pub memory_bytes: u64,
}

impl Default for CompilerLimits {
    fn default() -> CompilerLimits {
        CompilerLimits { time: Duration::from_secs(60), memory_bytes: 4 << 30 }
    }
}

/// Compiles artifacts in one-shot child processes: `program __compile …`.
#[derive(Debug, Clone)]
pub struct Compiler {
    program: PathBuf,
    prefix: Vec<OsString>,
    limits: CompilerLimits,
}

/// Why there is no compiled code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileFailed {
    /// The artifact is at fault; the text says why.
    #[error("{0}")]
    Invalid(String),
    #[error("the compiler could not be started: {0}")]
    Start(String),
    #[error("the compiler ended without a result: {0}")]
    Died(String),
}

impl Compiler {
    /// A compiler that runs `program` with `prefix` as its first arguments.
    pub fn new(program: PathBuf, prefix: Vec<OsString>, limits: CompilerLimits) -> Compiler {
        Compiler { program, prefix, limits }
    }

    /// A compiler that runs this very program.
    pub fn this_program(limits: CompilerLimits) -> Compiler {
        Compiler::new(PathBuf::from("/proc/self/exe"), vec![COMPILE_COMMAND.into()], limits)
    }

    /// The limits of each compilation.
    pub fn limits(&self) -> CompilerLimits {
        self.limits
    }

    /// Compiles `artifact` (binary or text) for `options`.
    pub fn compile(&self, artifact: &[u8], options: &EngineOptions) -> Result<Vec<u8>, CompileFailed> {
        let mut child = Command::new(&self.program)
            .args(&self.prefix)
            .args(arguments(options))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| CompileFailed::Start(error.to_string()))?;
        let (mut stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
        std::thread::scope(|scope| {
            scope.spawn(move || stdin.take().map(|mut stdin| stdin.write_all(artifact)));
            let errors = scope.spawn(move || {
                let mut text = String::new();
                stderr.take().map(|mut stderr| stderr.read_to_string(&mut text));
                text
            });
            let output = child.wait_with_output().map_err(|error| CompileFailed::Died(error.to_string()))?;
            match output.status.code() {
                Some(0) => Ok(output.stdout),
                Some(1) => {
                    Err(CompileFailed::Invalid(errors.join().unwrap_or_default().trim_end().to_owned()))
                }
                _ => Err(CompileFailed::Died(output.status.to_string())),
            }
        })
    }
}
