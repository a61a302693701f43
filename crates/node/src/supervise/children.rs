//! Child processes: started with bounds and without descriptors of ours, and waited for.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::oneshot;
use tombolo_sandbox::{Cgroup, Rlimits, send_fds, spawn_in_cgroup, spawn_limited};

use crate::variable_for_child;

/// All children that have not been waited for.
#[derive(Debug, Default)]
pub(super) struct Children(RefCell<Vec<Waited>>);

#[derive(Debug)]
struct Waited {
    child: Known,
    ended: oneshot::Sender<ExitStatus>,
}

/// A child of this process.
#[derive(Debug)]
enum Known {
    /// This program started it.
    Own(Child),
    /// The program before this one did.
    Adopted(Pid),
}

impl Known {
    fn id(&self) -> u32 {
        match self {
            Known::Own(child) => child.id(),
            Known::Adopted(pid) => pid.as_raw_nonzero().get().unsigned_abs(),
        }
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self {
            Known::Own(child) => child.try_wait(),
            Known::Adopted(pid) => {
                let ended = waitpid(Some(*pid), WaitOptions::NOHANG)?;
                Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
            }
        }
    }

    /// It may have ended in this moment; until it was waited for, its number is nobody else's.
    fn kill(&mut self) {
        let _ = match self {
            Known::Own(child) => child.kill(),
            Known::Adopted(pid) => kill_process(*pid, Signal::KILL).map_err(io::Error::from),
        };
    }
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
    program.envs(variable_for_child());
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
        (self.wait_for(Known::Own(child)), streams)
    }

    /// A child that the program before this one started. Of one that is none, nothing is heard but that it is gone.
    pub(super) fn adopt(&self, pid: u32) -> Running {
        let known = i32::try_from(pid).ok().and_then(Pid::from_raw).map(Known::Adopted);
        known.map_or_else(|| Running { pid, ended: oneshot::channel().1 }, |known| self.wait_for(known))
    }

    fn wait_for(&self, child: Known) -> Running {
        let (ended, receiver) = oneshot::channel();
        let running = Running { pid: child.id(), ended: receiver };
        self.0.borrow_mut().push(Waited { child, ended });
        running
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
            waited.child.kill();
        }
    }

    /// The processes of all that have not been waited for.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.0.borrow().iter().map(|waited| waited.child.id()).collect()
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

/// Our end of a socket to a child, for writing. That it is dropped says nothing to the child, which the program after this
/// one may keep: only a socket that nobody holds any more tells it to end.
#[derive(Debug)]
pub(super) struct Writer(Option<OwnedWriteHalf>);

impl Writer {
    pub(super) fn new(half: OwnedWriteHalf) -> Writer {
        Writer(Some(half))
    }

    /// Writes all of a line, with descriptors if there are some.
    pub(super) async fn write(&mut self, line: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
        let half = self.0.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        if descriptors.is_empty() {
            return half.write_all(line).await;
        }
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        let socket: &tokio::net::UnixStream = half.as_ref();
        socket.async_io(Interest::WRITABLE, || send_fds(socket, line, &descriptors)).await
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(OwnedWriteHalf::forget);
    }
}

/// How a process ended, for people.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}
