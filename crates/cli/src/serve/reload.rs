//! The server's side of a reload: asks its loader, takes what comes and swaps.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use anyhow::anyhow;
use rustix::net::SendFlags;
use tombolo_cell::{Handle, PreparedFunction};
use tombolo_host::Data;
use tombolo_listen::{Tls, TlsPems};
use tombolo_spec::GrantSet;

use super::helper;
use super::message::{self, Functions, Message};
use super::prepare::{Engines, function};
use super::wanted::Wanted;
use crate::args::ServeArgs;
use crate::exit::Failure;

/// The hidden command that is the loader.
pub(crate) const LOADER_COMMAND: &str = "__load";

/// The server's end of the socket to its loader.
pub(super) struct Loader(UnixStream);

impl Loader {
    /// Starts the loader, with the arguments of this process. It ends when this process does.
    ///
    /// Call it early: a small process is copied faster, and the loader has its watches before files are read.
    pub(super) fn start() -> anyhow::Result<Loader> {
        Ok(Loader(helper::start(LOADER_COMMAND, std::env::args_os().skip(2))?))
    }

    /// Another handle, to ask with.
    pub(super) fn asker(&self) -> anyhow::Result<Asker> {
        Ok(Asker(self.0.try_clone()?))
    }

    /// Swaps to what the loader sends, on a thread of its own, as long as both live.
    pub(super) fn follow(self, reload: Reload) -> anyhow::Result<()> {
        std::thread::Builder::new().name("reload".into()).spawn(move || {
            while let Ok(Some(message)) = message::receive(&self.0) {
                reload.take(message, &self.0);
            }
        })?;
        Ok(())
    }
}

/// Asks the loader for a reload.
pub(super) struct Asker(UnixStream);

impl Asker {
    /// Asks, and says so where nobody hears it.
    pub(super) fn ask(&self, handle: &Handle) {
        // A full buffer holds enough requests.
        let asked = rustix::net::send(&self.0, b"r", SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        if let Err(error) = asked
            && error != rustix::io::Errno::AGAIN
        {
            handle.reload_failed("the loader has ended; start the server again");
        }
    }
}

/// What a reload needs, all of it in memory.
pub(super) struct Reload {
    pub(super) handle: Handle,
    pub(super) tls: Option<Tls>,
    pub(super) args: ServeArgs,
    pub(super) engines: Engines,
    pub(super) data: Option<Arc<Data>>,
    /// What was wanted at the start, and so what the kernel has rules for.
    pub(super) wanted: Wanted,
}

impl Reload {
    fn take(&self, message: Message, socket: &UnixStream) {
        let outcome = match message {
            Message::Functions(functions) => self.functions(&functions, socket),
            Message::Certificates(pems) => self.certificates(&pems),
            Message::Failed(why) => Err(anyhow!(why).into()),
        };
        if let Err(failure) = outcome {
            self.handle.reload_failed(&failure.to_string());
        }
    }

    fn functions(&self, message: &Functions, socket: &UnixStream) -> Result<(), Failure> {
        let mut files = message.codes.iter().map(|_| message::receive_code(socket));
        let functions = self.prepare(message, &mut files);
        // What was not wanted is taken too: behind it is the next message.
        files.for_each(drop);
        Ok(self.handle.swap(functions?)?)
    }

    fn prepare(
        &self,
        message: &Functions,
        files: impl Iterator<Item = io::Result<File>>,
    ) -> Result<Vec<PreparedFunction>, Failure> {
        let wanted = self.wanted.with_text(message.manifest.as_deref(), &self.args.grants)?;
        within(&wanted, &self.wanted)?;
        let plans = wanted.plans.iter().zip(&message.codes).zip(files);
        plans
            .map(|((plan, note), file)| {
                let secrets: BTreeMap<_, _> = note.secrets.clone();
                let secrets = Box::new(move |name: &str| secrets.get(name).cloned());
                function(plan, note.compiled(file?)?, &self.engines, secrets, self.data.as_ref())
            })
            .collect()
    }

    fn certificates(&self, pems: &[TlsPems]) -> Result<(), Failure> {
        let Some(tls) = &self.tls else { return Ok(()) };
        tls.reload(pems)?;
        self.handle.certificates_swapped();
        Ok(())
    }
}

/// A process cannot get more rights from the kernel than it was locked down with.
fn within(wanted: &Wanted, start: &Wanted) -> Result<(), Failure> {
    let more: GrantSet = wanted.walled().uncovered_by(&start.walled());
    if more.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = more.grants().map(|grant| format!("{:?}", grant.to_string())).collect();
    Err(anyhow!(
        "grants that this server was not started with need it to be started again: {}",
        lines.join(", ")
    )
    .into())
}
