//! Stopping and going on, by signals from anywhere.

use std::os::unix::process::CommandExt;

use libtest_mimic::Failed;
use rustix::process::{Signal, kill_process, kill_process_group};

use crate::Test;
use crate::fronts::{Front, Namespaces, check, until_state};

pub(crate) const TESTS: &[Test] = &[
    ("a stop from the terminal stops both, and both go on", |kind| stops(kind, Signal::TSTP)),
    ("a stop of a background reader stops both, and both go on", |kind| stops(kind, Signal::TTIN)),
    ("a stop of a background writer stops both, and both go on", |kind| stops(kind, Signal::TTOU)),
    ("a stop that cannot be caught, sent to the job, stops both", stops_by_group),
    ("going on while nothing is stopped changes nothing", |kind| {
        let mut front = Front::start("wait", kind)?;
        front.send(Signal::CONT)?;
        front.tell(7)?;
        front.ends_with(7)
    }),
    ("a cell stopped by somebody goes on with the front", |kind| {
        let mut front = Front::start("wait", kind)?;
        let cell = front.cell()?;
        kill_process(cell, Signal::STOP)?;
        until_state(cell, |state| state == 'T')?;
        front.send(Signal::CONT)?;
        until_state(cell, |state| state != 'T')?;
        front.tell(7)?;
        front.ends_with(7)
    }),
    ("a stop with no shell to go on from is no stop", |kind| {
        // A session of its own: the kernel does not stop what nobody could continue.
        let mut front = Front::start_with("wait", kind, |command| {
            // SAFETY: setsid may be called between fork and exec.
            unsafe { command.pre_exec(|| Ok(rustix::process::setsid().map(drop)?)) };
        })?;
        front.send(Signal::TSTP)?;
        front.tell(7)?;
        front.ends_with(7)
    }),
    ("a stopped job can be ended", |kind| {
        let front = Front::start("wait", kind)?;
        front.send(Signal::TSTP)?;
        front.stopped_by()?;
        front.send(Signal::TERM)?;
        front.send(Signal::CONT)?;
        front.ends_by(Signal::TERM)
    }),
];

fn stops(kind: Namespaces, signal: Signal) -> Result<(), Failed> {
    let mut front = Front::start("wait", kind)?;
    let cell = front.cell()?;
    for _ in 0..3 {
        front.send(signal)?;
        let by = front.stopped_by()?;
        check(by == Some(signal.as_raw()), &format!("stopped by {by:?}"))?;
        until_state(cell, |state| state == 'T')?;
        front.send(Signal::CONT)?;
        until_state(cell, |state| state != 'T')?;
    }
    front.tell(7)?;
    front.ends_with(7)
}

fn stops_by_group(kind: Namespaces) -> Result<(), Failed> {
    let mut front = Front::start("wait", kind)?;
    let cell = front.cell()?;
    kill_process_group(front.pid(), Signal::STOP)?;
    check(front.stopped_by()? == Some(Signal::STOP.as_raw()), "stopped by another signal")?;
    until_state(cell, |state| state == 'T')?;
    kill_process_group(front.pid(), Signal::CONT)?;
    until_state(cell, |state| state != 'T')?;
    front.tell(7)?;
    front.ends_with(7)
}
