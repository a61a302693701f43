//! Job control on a real terminal. A terminal belongs to a session, so the shell is a scenario of its own.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::process::CommandExt;

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal, getpgrp, kill_process_group, setsid};

use crate::Test;
use crate::fronts::{Front, Namespaces, check, command, until_state};

pub(crate) const TESTS: &[Test] = &[
    ("Ctrl-C on a terminal ends both", |kind| in_a_session("Ctrl-C", kind)),
    ("Ctrl-\\ on a terminal ends both", |kind| in_a_session("Ctrl-\\", kind)),
    ("Ctrl-Z on a terminal stops both, fg lets them go on", |kind| in_a_session("Ctrl-Z", kind)),
    ("a background job that reads the terminal stops, fg lets it read", |kind| {
        in_a_session("background", kind)
    }),
];

const SHELL: &str = "shell: ";

fn in_a_session(script: &str, kind: Namespaces) -> Result<(), Failed> {
    let output = command(&format!("{SHELL}{script}"), kind).output()?;
    check(output.status.success(), &String::from_utf8_lossy(&output.stderr))
}

/// Runs the scenario, and ends, if it is a shell.
pub(crate) fn run(scenario: &str, kind: Namespaces) {
    let Some(script) = scenario.strip_prefix(SHELL) else { return };
    let terminal = Terminal::new();
    let done = match script {
        "Ctrl-C" => ended_by_key(&terminal, kind, b"\x03", Signal::INT),
        "Ctrl-\\" => ended_by_key(&terminal, kind, b"\x1c", Signal::QUIT),
        "Ctrl-Z" => stopped_by_key(&terminal, kind),
        _ => background(&terminal, kind),
    };
    done.unwrap_or_else(|error| panic!("{}", error.message().unwrap_or("failed")));
    // With the terminal still open: the end of a terminal ends its session's first process.
    std::process::exit(0)
}

fn ended_by_key(terminal: &Terminal, kind: Namespaces, key: &[u8], signal: Signal) -> Result<(), Failed> {
    let front = terminal.start(kind, true)?;
    terminal.keyboard().write_all(key)?;
    front.ends_by(signal)
}

fn stopped_by_key(terminal: &Terminal, kind: Namespaces) -> Result<(), Failed> {
    let front = terminal.start(kind, true)?;
    let cell = front.cell()?;
    terminal.keyboard().write_all(b"\x1a")?;
    let by = front.stopped_by()?;
    check(by == Some(libc::SIGTSTP), &format!("stopped by {by:?}"))?;
    until_state(cell, |state| state == 'T')?;
    terminal.give_to(getpgrp());
    terminal.give_to(front.pid());
    kill_process_group(front.pid(), Signal::CONT)?;
    terminal.keyboard().write_all(b"7\n")?;
    front.ends_with(7)
}

fn background(terminal: &Terminal, kind: Namespaces) -> Result<(), Failed> {
    let front = terminal.start(kind, false)?;
    let by = front.stopped_by()?;
    check(by == Some(libc::SIGTTIN), &format!("stopped by {by:?}"))?;
    until_state(front.cell()?, |state| state == 'T')?;
    terminal.give_to(front.pid());
    kill_process_group(front.pid(), Signal::CONT)?;
    terminal.keyboard().write_all(b"7\n")?;
    front.ends_with(7)
}

/// Both ends of a terminal that controls this process's session.
struct Terminal {
    keyboard: File,
    screen: File,
}

impl Terminal {
    fn new() -> Terminal {
        setsid().expect("start a session");
        let (mut keyboard, mut screen) = (-1, -1);
        use std::ptr::null_mut;
        // SAFETY: the two numbers are written to, nothing else is asked for; both descriptors are new.
        let (opened, terminal) = unsafe {
            let opened = libc::openpty(&mut keyboard, &mut screen, null_mut(), null_mut(), null_mut());
            (opened, Terminal { keyboard: File::from_raw_fd(keyboard), screen: File::from_raw_fd(screen) })
        };
        assert_eq!(opened, 0, "open a terminal");
        // SAFETY: signal takes numbers; the two other calls take the descriptor just made. What is inherited by a
        // program that is started must not be the other end.
        unsafe {
            libc::signal(libc::SIGTTOU, libc::SIG_IGN);
            assert_eq!(libc::ioctl(screen, libc::TIOCSCTTY, 0), 0, "control the terminal");
            assert_eq!(libc::fcntl(keyboard, libc::F_SETFD, libc::FD_CLOEXEC), 0);
        }
        terminal
    }

    fn keyboard(&self) -> &File {
        &self.keyboard
    }

    /// As a shell starts a job, before or behind the others.
    fn start(&self, kind: Namespaces, before: bool) -> Result<Front, Failed> {
        let screen = self.screen.as_raw_fd();
        let input = self.screen.try_clone()?;
        Front::start_with("wait", kind, |command| {
            command.process_group(0).stdin(input);
            // SAFETY: all three may be called between fork and exec.
            unsafe {
                command.pre_exec(move || {
                    if before {
                        libc::tcsetpgrp(screen, libc::getpid());
                    }
                    libc::signal(libc::SIGTTOU, libc::SIG_DFL);
                    Ok(())
                });
            }
        })
    }

    fn give_to(&self, group: Pid) {
        rustix::termios::tcsetpgrp(&self.screen, group).expect("give the terminal to a job");
    }
}
