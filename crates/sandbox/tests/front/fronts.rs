//! A started front, seen by the shell that started it.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::cells;

/// How long something that must come may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Which namespaces the cell gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespaces {
    All,
    None,
}

impl fmt::Display for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Namespaces::All { "in namespaces" } else { "as a plain fork" })
    }
}

/// A front whose cell has said that it is ready.
pub(crate) struct Front {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Front {
    pub(crate) fn start(scenario: &str, kind: Namespaces) -> Result<Front, Failed> {
        Front::start_with(scenario, kind, |command| {
            command.process_group(0);
        })
    }

    /// As the change says; without one, in a process group of its own, as a shell starts a job.
    pub(crate) fn start_with(
        scenario: &str,
        kind: Namespaces,
        change: impl FnOnce(&mut Command),
    ) -> Result<Front, Failed> {
        let mut command = command(scenario, kind);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        // What the front had in its buffer comes first, and once.
        if line != "kept in a buffer ready\n" {
            return Err(format!("the cell said {line:?}").into());
        }
        Ok(Front { child, input, output })
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn send(&self, signal: Signal) -> Result<(), Failed> {
        Ok(kill_process(self.pid(), signal)?)
    }

    /// Tells a waiting cell to end with this code.
    pub(crate) fn tell(&mut self, code: u8) -> Result<(), Failed> {
        let input = self.input.as_mut().ok_or("no input")?;
        Ok(writeln!(input, "{code}")?)
    }

    /// Waits until the front has ended, and the cell too: both hold the output.
    pub(crate) fn end(mut self) -> Result<(ExitStatus, String), Failed> {
        let (start, mut rest) = (Instant::now(), self.output.buffer().to_vec());
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed()).try_into()?;
            let output = self.output.get_mut();
            if poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&left))? == 0 {
                self.child.kill()?;
                return Err("front or cell live on".into());
            }
            let mut part = [0; 256];
            match output.read(&mut part)? {
                0 => return Ok((self.child.wait()?, String::from_utf8(rest)?)),
                length => rest.extend(&part[..length]),
            }
        }
    }

    pub(crate) fn ends_by(self, signal: Signal) -> Result<(), Failed> {
        let (status, rest) = self.end()?;
        check(
            status.signal() == Some(signal.as_raw()) && !status.core_dumped(),
            &format!("{status:?} {rest}"),
        )
    }

    pub(crate) fn ends_with(self, code: i32) -> Result<(), Failed> {
        let (status, rest) = self.end()?;
        check(status.code() == Some(code), &format!("{status:?} {rest}"))
    }

    /// Waits until the front has stopped, and returns the signal that it stopped by.
    pub(crate) fn stopped_by(&self) -> Result<Option<i32>, Failed> {
        let (_, status) = waitpid(Some(self.pid()), WaitOptions::UNTRACED)?.ok_or("no status")?;
        Ok(status.stopping_signal())
    }

    /// The cell, as the machine numbers it: the only child of the front.
    pub(crate) fn cell(&self) -> Result<Pid, Failed> {
        let front = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{front}/task/{front}/children"))?;
        let child = children.trim().parse().map_err(|error| format!("children {children:?}: {error}"))?;
        Ok(Pid::from_raw(child).ok_or("no cell")?)
    }
}

pub(crate) fn command(scenario: &str, kind: Namespaces) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.envs(cells::environment(scenario, kind == Namespaces::None));
    command
}

/// Waits until the process is in this state (a letter of proc_pid_stat(5)).
pub(crate) fn until_state(process: Pid, wanted: impl Fn(char) -> bool) -> Result<(), Failed> {
    let start = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).ok_or("no state")?;
        if wanted(state) {
            return Ok(());
        }
        check(start.elapsed() < PATIENCE, &format!("the process stays in state {state}"))?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn check(holds: bool, what: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(what.into()) }
}
