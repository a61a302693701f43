//! Another program for the node: checked while this one serves, then begun in its place.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::Signal;

use super::children::{Streams, how};
use super::estate::{Descriptors, Estate, HANDOVER, Left, OF_THE_MANAGER, Relative, VARIABLE};
use super::node::{Node, Options};
use super::run::StartError;
use crate::ceilings::MachineCeiling;
use crate::certificates::read as read_certificates;
use crate::db::Db;

/// What asks a program whether it could be this node, after the arguments of the node.
const CHECK: &str = "--check";
/// How long the answer may take.
const CHECK_TIME: Duration = Duration::from_secs(20);
/// The most that is read of it, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// How long calls of the API that have begun may go on; the others wait for the next program.
const API_TIME: Duration = Duration::from_secs(10);

/// A program that could be this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// Its version.
    pub version: String,
    /// How it reads what a node leaves to it.
    pub handover: u32,
}

/// Why a program does not take the node's place. The node goes on as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("the node ends, or is being replaced already")]
    Ending,
    #[error(
        "the node was replaced just now, and {0} processes of the program before still answer what they have begun; try again later"
    )]
    Early(usize),
    #[error("{}: {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("{} could not be this node: {why}", program.display())]
    Unfit { program: PathBuf, why: String },
    #[error("the node has not what it needs to leave something to another program: {0}")]
    Estate(io::Error),
    #[error("{} was changed while it was looked at; try again", .0.display())]
    Changed(PathBuf),
}

/// Whether this program could be a node with these options: what [`run`](super::run) would read is there and can be read.
///
/// # Errors
/// [`StartError`].
pub fn check(options: &Options) -> Result<Fit, StartError> {
    MachineCeiling::read(&options.dirs.config)?;
    read_certificates(&options.dirs.certificates(), &options.listen)?;
    Db::check(&options.dirs.state)?;
    Ok(Fit { version: env!("CARGO_PKG_VERSION").to_owned(), handover: HANDOVER })
}

impl Node {
    /// Looks at `program`, and lets it take the place of this one as soon as what the API has begun is answered.
    pub(crate) async fn upgrade(self: &Rc<Self>, program: &Path) -> Result<Fit, UpgradeError> {
        self.may_be_replaced()?;
        let before = identity(program)?;
        let fit = ask(self, program).await?;
        if identity(program)? != before {
            return Err(UpgradeError::Changed(program.to_owned()));
        }
        self.may_be_replaced()?;
        // What cannot be put together now could not be left to it.
        self.estate().map_err(UpgradeError::Estate)?;
        self.say(&format!("{} {} takes this program's place", program.display(), fit.version));
        self.before.failed.take();
        self.successor.send_replace(Some(program.to_owned()));
        Ok(fit)
    }

    fn may_be_replaced(&self) -> Result<(), UpgradeError> {
        match (self.is_ending() || self.successor.borrow().is_some(), self.before.left()) {
            (true, _) => Err(UpgradeError::Ending),
            (false, 0) => Ok(()),
            (false, left) => Err(UpgradeError::Early(left)),
        }
    }

    /// Waits until nobody waits for the API, as far as that comes soon.
    pub(super) async fn finish_calls(&self) {
        let _ = tokio::time::timeout(API_TIME, self.successor.closed()).await;
    }

    /// All that the next program needs to go on from here.
    pub(super) fn estate(&self) -> io::Result<Estate> {
        let mut descriptors = Descriptors::default();
        let lock = descriptors.add(&self.lock)?;
        let sockets = self.sockets.iter().map(|(name, socket)| Ok((name.clone(), descriptors.add(socket)?)));
        let sockets = sockets.collect::<io::Result<_>>()?;
        let gateway = match &*self.gateway.borrow() {
            Some(gateway) => Some(Relative { pid: gateway.pid, channel: descriptors.add(&gateway.channel)? }),
            None => None,
        };
        let egress = match self.egress.process() {
            Some((pid, channel)) => Some(Relative { pid, channel: descriptors.add(channel)? }),
            None => None,
        };
        let cells = self.cells.borrow();
        let cells = cells.iter().map(|(id, cell)| cell.leave(*id, &mut descriptors));
        let cells = cells.collect::<io::Result<Vec<_>>>()?;
        let known = |pid: &u32| {
            let relatives = gateway.iter().chain(&egress).chain(cells.iter().map(|cell| &cell.process));
            relatives.into_iter().any(|relative| relative.pid == *pid)
        };
        let others = self.children.pids().into_iter().filter(|pid| !known(pid)).collect();
        let upgrades = self.before.upgrades + 1;
        let next_cell = self.with_state(crate::reconcile::State::next_cell);
        Ok(Estate::new(
            Left { upgrades, failed: None, next_cell, lock, sockets, gateway, egress, cells, others },
            descriptors,
        ))
    }
}

/// Replaces the program by the one that is where it was, at each signal.
pub(super) async fn follow(node: Rc<Node>, mut signal: Signal) {
    while signal.recv().await.is_some() {
        if let Err(error) = node.upgrade(&node.options.program.path).await {
            node.say(&error.to_string());
        }
    }
}

/// What tells one file from another, and from itself after a change.
fn identity(program: &Path) -> Result<(u64, u64, u64, i64, i64), UpgradeError> {
    let failed = |source: io::Error| UpgradeError::Start { program: program.to_owned(), source };
    let file = std::fs::metadata(program).map_err(failed)?;
    access(program, Access::EXEC_OK).map_err(|error| failed(error.into()))?;
    Ok((file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}

/// Has the program say whether it could be this node.
async fn ask(node: &Node, program: &Path) -> Result<Fit, UpgradeError> {
    let failed = |source: io::Error| UpgradeError::Start { program: program.to_owned(), source };
    let unfit = |why: String| UpgradeError::Unfit { program: program.to_owned(), why };
    let mut command = Command::new(program);
    command.args(&node.options.program.arguments).arg(CHECK).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // What is this program's alone.
    for name in OF_THE_MANAGER.iter().chain([&VARIABLE, &"NOTIFY_SOCKET"]) {
        command.env_remove(name);
    }
    let (running, Streams { stdout, stderr, .. }) = node.children.start(command).map_err(failed)?;
    let pid = running.pid;
    let answer = async {
        let (said, complaint) = tokio::try_join!(read(stdout), read(stderr))?;
        let status = running.ended.await.map_err(io::Error::other)?;
        Ok::<_, io::Error>((said, complaint, status))
    };
    let answer = tokio::time::timeout(CHECK_TIME, answer).await;
    let Ok(answer) = answer else {
        node.children.kill(pid);
        return Err(unfit(format!("it did not say so within {} s", CHECK_TIME.as_secs())));
    };
    let (said, complaint, status) = answer.map_err(failed)?;
    if !status.success() {
        let complaint = complaint.trim().trim_start_matches("tombolo: ");
        return Err(unfit(if complaint.is_empty() { how(status) } else { complaint.to_owned() }));
    }
    let fit: Fit = serde_json::from_str(&said).map_err(|_| unfit("it is another program".to_owned()))?;
    if fit.handover != HANDOVER {
        let why = format!("version {} takes over in another way; restart the node instead", fit.version);
        return Err(unfit(why));
    }
    Ok(fit)
}

async fn read(pipe: Option<std::os::fd::OwnedFd>) -> io::Result<String> {
    let pipe = pipe::Receiver::from_owned_fd(pipe.ok_or(io::ErrorKind::BrokenPipe)?)?;
    let mut bytes = Vec::new();
    pipe.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
