//! How a front ends.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use rustix::process::Signal;

use crate::Test;
use crate::fronts::{Front, Namespaces, check, command, until_state};

pub(crate) const TESTS: &[Test] = &[
    ("the code of the cell is the code of the front", |kind| Front::start("exit", kind)?.ends_with(42)),
    ("a cell that waits is told to end", |kind| {
        let mut front = Front::start("wait", kind)?;
        front.tell(7)?;
        front.ends_with(7)
    }),
    ("an interrupt ends both", |kind| ended_by(kind, Signal::INT)),
    ("a termination ends both", |kind| ended_by(kind, Signal::TERM)),
    ("a hang-up ends both", |kind| ended_by(kind, Signal::HUP)),
    ("a quit ends both, without a core", |kind| ended_by(kind, Signal::QUIT)),
    ("a user's signal ends both", |kind| ended_by(kind, Signal::USR1)),
    ("an alarm ends both", |kind| ended_by(kind, Signal::ALARM)),
    ("a kill of the front takes the cell along", |kind| ended_by(kind, Signal::KILL)),
    ("a kill of a stopped front takes the cell along", killed_while_stopped),
    ("an ignored hang-up stays ignored", |kind| stays_ignored(kind, libc::SIGHUP, Signal::HUP)),
    ("an ignored interrupt stays ignored", |kind| stays_ignored(kind, libc::SIGINT, Signal::INT)),
    ("an ignored child signal does not lose the cell's code", |kind| {
        Front::start_with("exit", kind, |command| ignore(command, libc::SIGCHLD))?.ends_with(42)
    }),
    ("the deadline ends a cell, at whatever it is then", |kind| {
        let mut front = command("deadline", kind).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        // Held open, or the cell would end by itself.
        let input = front.stdin.take();
        let status = front.wait()?;
        drop(input);
        check(status.code() == Some(124), &format!("{status:?}"))
    }),
    ("a crash is told by its signal", |kind| crashes(kind, "crash", libc::SIGSEGV)),
    ("a panic is told as an abort", |kind| crashes(kind, "panic", libc::SIGABRT)),
    ("an abort is told as an abort", |kind| crashes(kind, "abort", libc::SIGABRT)),
    ("a closed pipe ends the front as it ends a program", |kind| {
        Front::start("closed pipe", kind)?.ends_by(Signal::PIPE)
    }),
    ("a cell cannot stop its front", |kind| {
        Front::start("stop by the cell", kind)?.ends_with(128 + Signal::STOP.as_raw())
    }),
    ("a cell has only what was open, and its channel", |kind| {
        Front::start("descriptors", kind)?.ends_with(4)
    }),
    ("a cell does not have the front's blocked signals", |kind| Front::start("mask", kind)?.ends_with(0)),
];

fn ended_by(kind: Namespaces, signal: Signal) -> Result<(), Failed> {
    let front = Front::start("wait", kind)?;
    front.send(signal)?;
    front.ends_by(signal)
}

fn killed_while_stopped(kind: Namespaces) -> Result<(), Failed> {
    let front = Front::start("wait", kind)?;
    front.send(Signal::TSTP)?;
    front.stopped_by()?;
    until_state(front.cell()?, |state| state == 'T')?;
    front.send(Signal::KILL)?;
    front.ends_by(Signal::KILL)
}

fn stays_ignored(kind: Namespaces, number: i32, signal: Signal) -> Result<(), Failed> {
    let mut front = Front::start_with("wait", kind, |command| ignore(command, number))?;
    front.send(signal)?;
    front.tell(7)?;
    front.ends_with(7)
}

fn ignore(command: &mut Command, signal: i32) {
    // SAFETY: signal may be called between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::signal(signal, libc::SIG_IGN);
            Ok(())
        });
    }
}

fn crashes(kind: Namespaces, scenario: &str, signal: i32) -> Result<(), Failed> {
    let front = Front::start_with(scenario, kind, |command| {
        command.stderr(Stdio::null());
    })?;
    let (status, rest) = front.end()?;
    check(
        status.code() == Some(99) && rest == format!("crashed by {signal}\n"),
        &format!("{status:?} {rest:?}"),
    )
}
