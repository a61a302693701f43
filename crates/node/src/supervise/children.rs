//! Child processes: started with bounds and without descriptors of ours, and waited for.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::sync::oneshot;
use tombolo_sandbox::{Cgroup, Rlimits, spawn_in_cgroup, spawn_limited};

use crate::failpoint;

/// All children that have not been waited for.
#[derive(Debug, Default)]
pub(super) struct Children(RefCell<Vec<Waited>>);

#[derive(Debug)]
struct Waited {
    child: Child,
    ended: oneshot::Sender<ExitStatus>,
}

/// A child that runs; dropping it leaves it running.
#[derive(Debug)]
pub(super) struct Running {
    /// Its process id, for messages and [`Children::kill`].
    pub(super) pid: u32,
    pub(super) ended: oneshot::Receiver<ExitStatus>,
}

/// The command of this very program, also if its file was replaced meanwhile.
pub(super) fn this_program(command: &str) -> Command {
    let mut program = Command::new("/proc/self/exe");
    // A process group of its own: a terminal's Ctrl-C is for the node, which then lets them end in good order.
    program.arg(command).env_clear().current_dir("/").process_group(0);
    program.envs(failpoint::for_child());
    program
}

impl Children {
    /// Starts a child; its standard streams are those of `command`.
    pub(super) fn start(&self, command: Command) -> io::Result<(Running, Streams)> {
        Ok(self.watch(spawn_limited(command, &Rlimits::default())?))
    }

    /// As [`start`](Self::start), within a control group where there is one.
    pub(super) fn start_in(
        &self,
        group: Option<&Cgroup>,
        command: Command,
    ) -> io::Result<(Running, Streams)> {
        match group {
            Some(group) => Ok(self.watch(spawn_in_cgroup(command, &Rlimits::default(), group)?)),
            None => self.start(command),
        }
    }

    fn watch(&self, mut child: Child) -> (Running, Streams) {
        let streams = Streams {
            stdin: child.stdin.take().map(OwnedFd::from),
            stdout: child.stdout.take().map(OwnedFd::from),
            stderr: child.stderr.take().map(OwnedFd::from),
        };
        let (ended, receiver) = oneshot::channel();
        let running = Running { pid: child.id(), ended: receiver };
        self.0.borrow_mut().push(Waited { child, ended });
        (running, streams)
    }

    /// Tells those who wait which children have ended. To be called at each `SIGCHLD`.
    pub(super) fn reap(&self) {
        let mut ended = Vec::new();
        self.0.borrow_mut().retain_mut(|waited| match waited.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                let (nobody, _) = oneshot::channel();
                ended.push((std::mem::replace(&mut waited.ended, nobody), status));
                false
            }
            // It is not our child any more: nothing will be heard of it.
            Err(_) => false,
        });
        for (teller, status) in ended {
            // Nobody may be waiting.
            let _ = teller.send(status);
        }
    }

    /// Ends a child at once, if it has not ended.
    pub(super) fn kill(&self, pid: u32) {
        let mut children = self.0.borrow_mut();
        if let Some(waited) = children.iter_mut().find(|waited| waited.child.id() == pid) {
            // It may have ended in this moment.
            let _ = waited.child.kill();
        }
    }

    /// Children that have not been waited for.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

/// Our ends of a child's standard streams.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

/// A socket to a child: our end, and the child's as its standard input.
pub(super) fn channel() -> io::Result<(UnixStream, Stdio)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, Stdio::from(OwnedFd::from(theirs))))
}

/// How a process ended, for people.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}
