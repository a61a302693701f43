//! Compiling in a process of its own.
//!
//! A compiler is a large program that reads hostile input. It runs in a child process that holds three pipes and
//! nothing else, has a fixed address space and a fixed processor time, and is thrown away. Whatever it comes to, the caller
//! gets the code or one error.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tombolo_engine::EngineOptions;
use tombolo_sandbox::{Rlimits, spawn_limited};
use tombolo_spec::ByteSize;
use tombolo_spec::units::Time;

use crate::child::{COMPILE_COMMAND, arguments, exit};
use crate::pump::{Interrupted, Said, SizeLimits, pump};

/// The most that is taken for compiled code; a Python component is about 35 MiB.
const CODE_BYTES_MAX: usize = 512 << 20;
/// The most that is kept of what the compiler complains.
const COMPLAINT_BYTES_MAX: usize = 16 << 10;

/// Threads of a compiler process, at most: more of them need more memory, and leave less to others.
const THREADS_MAX: usize = 4;

/// What one compilation may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompilerLimits {
    /// Processor time of all its threads together, in whole seconds: a machine that is busy with other work changes
    /// nothing about what can be compiled on it.
    pub cpu: Duration,
    /// Wall time, for a compiler that waits for something.
    pub time: Duration,
    /// Address space of the compiler process.
    pub memory: ByteSize,
}

impl Default for CompilerLimits {
    /// A Python component, the largest in common use, takes about 8 s of processor time and 1 GiB; a small device is
    /// ten times slower.
    fn default() -> CompilerLimits {
        CompilerLimits {
            cpu: Duration::from_secs(240),
            time: Duration::from_secs(1800),
            memory: ByteSize::mib(4096),
        }
    }
}

/// Compiles artifacts in one-shot child processes.
#[derive(Debug, Clone)]
pub struct Compiler {
    program: PathBuf,
    prefix: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    limits: CompilerLimits,
}

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CompileFailed {
    /// The artifact is at fault, and the text says where.
    #[error("{0}")]
    Invalid(String),
    #[error(
        "compiling took more than {} of processor time: the artifact is too large or made to be hard to compile",
        Time(*.0)
    )]
    Cpu(Duration),
    #[error("the compiler did not end within {}: the machine is stuck, or very slow; try again", Time(*.0))]
    Time(Duration),
    #[error(
        "compiling needed more than {0} of memory: the artifact is too large or made to be hard to compile"
    )]
    Memory(ByteSize),
    #[error("the compiled code is larger than {0}")]
    TooLarge(ByteSize),
    #[error("the compiler crashed (signal {signal}): the artifact hits a flaw of the compiler{}", said(.complaint))]
    Crashed { signal: i32, complaint: String },
    #[error("the compiler was killed from outside, perhaps because the machine is out of memory; try again")]
    Killed,
    #[error("the compiler could not be started: {0}")]
    Start(io::Error),
    #[error("the compiler could not be talked to: {0}")]
    Talk(io::Error),
    #[error("the compiler failed: {0}")]
    Failed(String),
}

impl Compiler {
    /// A compiler that runs `program`, with `prefix` as its first arguments, which must end in
    /// [`compiler_main`](crate::compiler_main).
    pub fn new(program: PathBuf, prefix: Vec<OsString>, limits: CompilerLimits) -> Compiler {
        Compiler { program, prefix, variables: Vec::new(), limits }
    }

    /// With these variables in the compiler's environment, which has none of this process' own.
    #[must_use]
    pub fn with_variables<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Compiler
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// A compiler that runs this very program as `program __compile …`, even if its file was replaced meanwhile.
    pub fn this_program(limits: CompilerLimits) -> Compiler {
        Compiler::new(PathBuf::from("/proc/self/exe"), vec![COMPILE_COMMAND.into()], limits)
    }

    /// The limits of each compilation.
    pub fn limits(&self) -> CompilerLimits {
        self.limits
    }

    /// Compiles `artifact` (binary or text) for `options`.
    ///
    /// # Errors
    /// [`CompileFailed`] for every way in which that can end without code.
    pub fn compile(&self, artifact: &[u8], options: &EngineOptions) -> Result<Vec<u8>, CompileFailed> {
        let deadline = Instant::now() + self.limits.time;
        let mut child =
            spawn_limited(self.command(options), &self.rlimits()).map_err(CompileFailed::Start)?;
        let sizes = SizeLimits { output: CODE_BYTES_MAX, errors: COMPLAINT_BYTES_MAX };
        match pump(&mut child, artifact, deadline, sizes) {
            Ok(said) => match wait(&mut child, deadline).map_err(CompileFailed::Talk)? {
                Some(status) => self.verdict(status, said),
                None => Err(self.end(&mut child, Interrupted::Deadline)),
            },
            Err(interrupted) => Err(self.end(&mut child, interrupted)),
        }
    }

    fn command(&self, options: &EngineOptions) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.prefix)
            .args(arguments(options))
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("RAYON_NUM_THREADS", threads().to_string())
            // The C library reserves 128 MiB of address space for each thread's heap otherwise.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The processor time also ends a compiler whose parent is gone.
    fn rlimits(&self) -> Rlimits {
        Rlimits {
            address_space: Some(self.limits.memory.bytes()),
            cpu_seconds: Some(self.limits.cpu.as_secs().max(1)),
            file_size: Some(0),
            open_files: Some(64),
        }
    }

    fn verdict(&self, status: ExitStatus, said: Said) -> Result<Vec<u8>, CompileFailed> {
        let complaint = String::from_utf8_lossy(&said.errors).trim().to_owned();
        match status.code().map(u8::try_from) {
            Some(Ok(exit::DONE)) => Ok(said.output),
            Some(Ok(exit::INVALID)) => Err(CompileFailed::Invalid(complaint)),
            Some(_) if complaint.is_empty() => Err(CompileFailed::Failed(status.to_string())),
            Some(_) => Err(CompileFailed::Failed(complaint)),
            None => Err(self.by_signal(status.signal().unwrap_or_default(), complaint)),
        }
    }

    fn by_signal(&self, signal: i32, complaint: String) -> CompileFailed {
        // The words of Rust's allocator when it is refused memory.
        let out_of_memory = complaint.contains("memory allocation of");
        match Signal::from_named_raw(signal) {
            Some(Signal::ABORT) if out_of_memory => CompileFailed::Memory(self.limits.memory),
            Some(Signal::XCPU) => CompileFailed::Cpu(self.limits.cpu),
            Some(Signal::KILL) => CompileFailed::Killed,
            _ => CompileFailed::Crashed { signal, complaint },
        }
    }

    /// Ends a child that is not to go on.
    fn end(&self, child: &mut Child, interrupted: Interrupted) -> CompileFailed {
        let ended = child.kill().and_then(|()| child.wait().map(drop));
        match (interrupted, ended) {
            (Interrupted::Io(error), _) | (_, Err(error)) => CompileFailed::Talk(error),
            (Interrupted::Deadline, Ok(())) => CompileFailed::Time(self.limits.time),
            (Interrupted::TooMuchOutput, Ok(())) => CompileFailed::TooLarge(ByteSize(CODE_BYTES_MAX as u64)),
        }
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |threads| threads.get().min(THREADS_MAX))
}

/// Waits for a child that has closed its pipes, and so is about to end; `None` when it does not by the deadline.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn said(complaint: &str) -> String {
    match complaint.is_empty() {
        true => String::new(),
        false => format!(": {complaint}"),
    }
}
