//! Runs commands and measures them.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use wait4::Wait4;

use crate::memory::{self, Held};

/// One finished run.
#[derive(Clone, Copy)]
pub struct Sample {
    /// From just before the start to the end of the process, in seconds.
    pub seconds: f64,
    /// Peak resident set of the largest process among it and its descendants, in bytes.
    pub peak_rss: u64,
}

/// A command line that can be run many times.
#[derive(Clone)]
pub struct Invocation {
    pub program: String,
    pub args: Vec<String>,
}

impl Invocation {
    pub fn new(program: impl AsRef<Path>, args: &[&str]) -> Self {
        let program = program.as_ref().display().to_string();
        Self { program, args: args.iter().map(|&arg| arg.to_owned()).collect() }
    }

    pub fn with(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }

    /// Runs it to its end with no input and its output thrown away.
    ///
    /// # Errors
    /// When it can't be started or does not succeed.
    pub fn measure(&self) -> anyhow::Result<Sample> {
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", self.program))?;
        let used = child.wait4()?;
        let seconds = start.elapsed().as_secs_f64();
        if !used.status.success() {
            bail!("{self} ended with {}", used.status);
        }
        Ok(Sample { seconds, peak_rss: used.rusage.maxrss })
    }

    /// Runs it once and returns what it printed.
    ///
    /// # Errors
    /// When it can't be started or does not succeed; the message holds its standard error.
    pub fn output(&self) -> anyhow::Result<String> {
        let done = self
            .command()
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", self.program))?;
        if !done.status.success() {
            bail!("{self} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr));
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Runs a program that copies its input, and looks at its memory once it has answered a first line.
    ///
    /// # Errors
    /// When it can't be started or ends without an answer.
    pub fn memory_while_waiting(&self) -> anyhow::Result<Held> {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.program))?;
        let held = answer_then_look(&mut child).with_context(|| format!("{self} did not answer"));
        drop(child.stdin.take());
        child.wait()?;
        held
    }
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.program, self.args.join(" "))
    }
}

fn answer_then_look(child: &mut Child) -> anyhow::Result<Held> {
    let input = child.stdin.as_mut().context("no input")?;
    input.write_all(b"?\n")?;
    child.stdout.as_mut().context("no output")?.read_exact(&mut [0; 2])?;
    Ok(memory::of_tree(child.id()))
}

/// A server that is stopped when this value is dropped.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it and waits until it accepts connections on `port` of the loopback address.
    ///
    /// # Errors
    /// When it can't be started or is not there after 30 seconds.
    pub fn start(command: &mut Command, port: u16) -> anyhow::Result<Self> {
        Self::start_within(Duration::from_secs(30), command, port)
    }

    /// The same for one that may take longer.
    ///
    /// # Errors
    /// When it can't be started or is not there in time.
    pub fn start_within(time: Duration, command: &mut Command, port: u16) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut server = Self { child: child.with_context(|| format!("cannot start {name}"))? };
        let start = Instant::now();
        while start.elapsed() < time {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                bail!("{name} ended with {status} before it listened");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("{name} does not listen on port {port}");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn memory(&self) -> Held {
        memory::of_tree(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended by itself when this fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
