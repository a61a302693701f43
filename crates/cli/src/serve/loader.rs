//! The loader: a process beside the server that keeps the right to open files.
//!
//! The server is locked down before its first request and can open nothing any more. What it is to serve later is read
//! and compiled here, and handed over as open files. The loader reads nothing of the server's but single bytes, and
//! nothing at all of any client's.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use tombolo_listen::TlsFiles;
use tombolo_spec::Grant;

use super::helper;
use super::message::{self, CodeNote, Functions, Message};
use super::prepare::{Compiled, Engines};
use super::wanted::Wanted;
use super::watch::{Watch, settle};
use crate::args::ServeArgs;
use crate::exit::{Exit, Failure};
use crate::plan::Plan;

/// What the loader waits for.
pub(super) enum Event {
    /// The server asks for everything.
    Asked,
    /// Something changed near a watched file.
    Changed,
    /// The server has ended.
    Over,
}

/// The loader's life, with the same arguments as the server's; its end of their socket is standard input.
///
/// # Errors
/// What keeps it from starting; the server then does without.
pub(crate) fn load(args: &ServeArgs) -> Result<Exit, Failure> {
    let _deaf = helper::deaf()?;
    let socket = helper::socket()?;
    let (sender, events) = channel();
    let mut watch = Watch::new(args, sender.clone())?;
    let requests = socket.try_clone()?;
    std::thread::spawn(move || listen(requests, &sender));
    while let Some(changed) = next(&events, &mut watch) {
        // A server that does not listen has ended, which is the next event.
        if changed.functions {
            let _ = functions(args, &socket, &mut watch);
        }
        if changed.certificates {
            let _ = certificates(args, &socket);
        }
    }
    Ok(Exit::Program(0))
}

/// What is to be loaded anew.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) functions: bool,
    pub(super) certificates: bool,
}

fn listen(mut requests: UnixStream, events: &Sender<Event>) {
    let mut bytes = [0; 64];
    while let Ok(1..) = requests.read(&mut bytes) {
        if events.send(Event::Asked).is_err() {
            return;
        }
    }
    // Nobody takes it when the loader ends already.
    let _ = events.send(Event::Over);
}

fn next(events: &Receiver<Event>, watch: &mut Watch) -> Option<Changed> {
    loop {
        match settle(events)? {
            Event::Asked => {
                watch.look();
                return Some(Changed { functions: true, certificates: true });
            }
            Event::Changed => {
                let changed = watch.look();
                if changed != Changed::default() {
                    return Some(changed);
                }
            }
            Event::Over => return None,
        }
    }
}

fn functions(args: &ServeArgs, socket: &UnixStream, watch: &mut Watch) -> std::io::Result<()> {
    let (wanted, compiled) = match compile(args, watch) {
        Ok(ready) => ready,
        Err(failure) => return message::send(socket, &Message::Failed(failure.to_string())),
    };
    let note = |(plan, compiled): (&Plan, &Compiled)| CodeNote::new(compiled, secrets(plan));
    let codes = wanted.plans.iter().zip(&compiled).map(note).collect();
    let functions = Functions { manifest: wanted.text().map(str::to_owned), codes };
    message::send(socket, &Message::Functions(functions))?;
    compiled.iter().try_for_each(|compiled| message::send_code(socket, &compiled.code))
}

fn compile(args: &ServeArgs, watch: &mut Watch) -> Result<(Wanted, Vec<Compiled>), Failure> {
    let wanted = Wanted::read(args)?;
    watch.follow(&wanted);
    let mut engines = Engines::default();
    let compiled =
        wanted.plans.iter().map(|plan| Compiled::new(plan, &mut engines)).collect::<Result<_, _>>()?;
    Ok((wanted, compiled))
}

/// The texts of all secrets that a function is granted; one that is not there is missed by whoever needs it.
fn secrets(plan: &Plan) -> BTreeMap<String, String> {
    let lookup = plan.secrets.reader();
    let names = plan.grants.grants().filter_map(|grant| match grant {
        Grant::Secret { name, .. } => Some(name.to_string()),
        _ => None,
    });
    names.filter_map(|name| lookup(&name).map(|text| (name, text))).collect()
}

fn certificates(args: &ServeArgs, socket: &UnixStream) -> std::io::Result<()> {
    let files = super::tls_files(args);
    if files.is_empty() {
        return Ok(());
    }
    let message = match files.iter().map(TlsFiles::read).collect() {
        Ok(pems) => Message::Certificates(pems),
        Err(error) => Message::Failed(error.to_string()),
    };
    message::send(socket, &message)
}
