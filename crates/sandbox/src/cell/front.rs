//! The front's side: start the cell, wait, pass signals on.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, waitpid};

use super::clone::{Granted, Side, clone};
use super::ending::{LastWord, exit_now, last_word};
use super::signals::{Event, Signals, send};
use super::{CellPlan, Ending, Entered, Verdict};
use crate::{SandboxError, threads};

pub(super) fn run(plan: &CellPlan, body: impl FnOnce(Entered) -> u8) -> Result<Verdict, SandboxError> {
    threads::only_one("start a cell")?;
    flush();
    let deadline = plan.deadline.and_then(|time| Instant::now().checked_add(time));
    let (ours, theirs) =
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(SandboxError::system("make a pipe"))?;
    let signals = Signals::block();
    match clone(plan.walls)? {
        Side::Front(cell) => {
            drop(theirs);
            drop(body);
            wait(cell, &signals, deadline, &ours)
        }
        Side::Cell(granted) => {
            drop(ours);
            drop(signals);
            live(plan, granted, theirs, body)
        }
    }
}

/// The cell's whole life; it ends here and never returns into the front's code.
fn live(plan: &CellPlan, granted: Granted, channel: OwnedFd, body: impl FnOnce(Entered) -> u8) -> ! {
    if rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_err() || orphaned(&channel) {
        exit_now(1);
    }
    let entered = Entered::new(plan, granted, Ending::new(channel));
    match catch_unwind(AssertUnwindSafe(|| body(entered))) {
        Ok(code) => {
            flush();
            exit_now(code.into())
        }
        // The panic has been reported by its hook.
        Err(_) => std::process::abort(),
    }
}

/// True if the front has ended before it could be asked to take the cell along: the pipe has no reader then. (The
/// parent's number says nothing, for a parent outside of the process namespace it is always 0.)
fn orphaned(channel: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(channel, PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}

fn wait(
    cell: Pid,
    signals: &Signals,
    deadline: Option<Instant>,
    channel: &OwnedFd,
) -> Result<Verdict, SandboxError> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match signals.wait(left) {
            Event::Child => {
                if let Some(status) = reap(cell, WaitOptions::NOHANG)? {
                    return Ok(verdict(status, signals, channel));
                }
            }
            Event::End(signal) => {
                end(cell)?;
                return Ok(Verdict::Interrupted(signal));
            }
            Event::Deadline if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                end(cell)?;
                return Ok(Verdict::DeadlineExceeded);
            }
            Event::Stop(signal) => {
                // The first process of a namespace ignores every stop signal but this one.
                send(cell, Signal::STOP);
                signals.stop_here(signal);
                send(cell, Signal::CONT);
            }
            Event::Continue => send(cell, Signal::CONT),
            Event::Deadline | Event::Nothing => {}
        }
    }
}

fn verdict(status: WaitStatus, signals: &Signals, channel: &OwnedFd) -> Verdict {
    if let Some(signal) = status.terminating_signal() {
        // Ctrl-C reaches both processes at once; outside of a process namespace the cell can be the first to act.
        return match signals.wait(Some(std::time::Duration::ZERO)) {
            Event::End(ours) if ours == signal => Verdict::Interrupted(signal),
            _ => Verdict::Signaled(signal),
        };
    }
    match last_word(channel) {
        Some(LastWord::Asked(signal)) => Verdict::Interrupted(signal),
        Some(LastWord::Aborted) => Verdict::Signaled(libc::SIGABRT),
        None => {
            Verdict::Exited(status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
        }
    }
}

fn end(cell: Pid) -> Result<(), SandboxError> {
    send(cell, Signal::KILL);
    reap(cell, WaitOptions::empty()).map(drop)
}

fn reap(cell: Pid, options: WaitOptions) -> Result<Option<WaitStatus>, SandboxError> {
    let waited = rustix::io::retry_on_intr(|| waitpid(Some(cell), options));
    let waited = waited.map_err(SandboxError::system("wait for the cell"))?;
    Ok(waited.map(|(_, status)| status))
}

/// What is buffered must not be written by both processes, and not be lost by the one that exits at once.
fn flush() {
    use std::io::Write;
    let _ = std::io::stdout().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_sees_that_its_front_is_gone_already() {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).expect("make a pipe");
        assert!(!orphaned(&theirs));
        drop(ours);
        assert!(orphaned(&theirs));
    }
}
