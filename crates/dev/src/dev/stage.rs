//! What serves, and what is about to.
//!
//! ```text
//!            swap                     "swapped"
//!  serving ────────▶ reloading (SIGHUP) ────────▶ serving the new version
//!     │                  │ "reload-failed": new rights, which a locked-down server cannot get
//!     │ none, or ended   ▼
//!     └────────────▶ starting another on the same socket ──▶ serving; the former one ends its requests
//!                        └ it did not start: what served serves on
//! ```

use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Instant;

use super::line::Line;
use super::server::{Place, Said, Server};
use super::socket::Socket;
use super::{Event, examples};
use crate::error::DevError;
use crate::project::Project;
use crate::say::{bad, dim, duration, good, say, warning};
use crate::tombolo::Tombolo;

/// The servers of a session: one, or two for a moment.
pub(super) struct Stage {
    tombolo: Tombolo,
    socket: Socket,
    events: SyncSender<Event>,
    serving: Option<Live>,
    coming: Option<Coming>,
    retiring: Vec<JoinHandle<()>>,
    /// Of the servers started so far.
    count: u32,
}

/// Something that can be served.
pub(super) struct Version {
    pub(super) project: Project,
    /// Of all functions, with their names.
    pub(super) digests: Vec<String>,
    /// When the change was seen that led to it.
    pub(super) since: Instant,
}

struct Live {
    number: u32,
    version: Version,
    server: Server,
}

struct Coming {
    version: Version,
    /// The server that is being started; none while one reloads.
    number: Option<u32>,
}

impl Stage {
    pub(super) fn new(tombolo: Tombolo, socket: Socket, events: SyncSender<Event>) -> Stage {
        Stage { tombolo, socket, events, serving: None, coming: None, retiring: Vec::new(), count: 0 }
    }

    /// What serves, and its server.
    pub(super) fn serving(&self) -> Option<(&Project, &Server)> {
        self.serving.as_ref().map(|live| (&live.version.project, &live.server))
    }

    /// Whether a version is on its way. Until it has arrived, the files it is read from must stay as they are.
    pub(super) fn is_busy(&self) -> bool {
        self.coming.is_some()
    }

    /// Brings a version on its way, if it differs from what serves.
    pub(super) fn swap(&mut self, version: Version) {
        match &self.serving {
            None => self.start(version),
            Some(live) if live.version.is_same(&version) => {
                say!("{}", dim("nothing changed in what is served"));
            }
            Some(live) => {
                live.server.reload();
                self.coming = Some(Coming { version, number: None });
            }
        }
    }

    /// A server said something about itself.
    pub(super) fn said(&mut self, number: u32, line: &Line) {
        let answers = matches!(line, Line::Swapped | Line::ReloadFailed { .. });
        let was_asked = answers && self.serving.as_ref().is_some_and(|live| live.number == number);
        let Some(coming) = self.coming.take_if(|coming| was_asked && coming.number.is_none()) else { return };
        if let Line::ReloadFailed { cause } = line {
            say!("{}", dim(format!("a new server takes over, since the running one cannot: {cause}")));
            return self.start(coming.version);
        }
        coming.version.tell();
        if let Some(live) = &mut self.serving {
            live.version = coming.version;
        }
    }

    /// A server that was being started answers, or will not.
    pub(super) fn started(&mut self, number: u32, server: Result<Server, DevError>) {
        let Some(coming) = self.coming.take_if(|coming| coming.number == Some(number)) else { return };
        let server = match server {
            Ok(server) => server,
            Err(error) => return self.failed(&error),
        };
        if let Err(error) = self.place(&coming.version.project, number).announce() {
            say!("{} {error}", warning("note"));
        }
        let version = coming.version;
        match &self.serving {
            None => say!("{}", examples::page(&version.project, self.socket.address())),
            Some(_) => version.tell(),
        }
        if let Some(former) = self.serving.replace(Live { number, version, server }) {
            self.retire(former);
        }
    }

    /// A server has closed its log.
    pub(super) fn ended(&mut self, number: u32) {
        let Some(live) = self.serving.take_if(|live| live.number == number) else { return };
        let how = live.server.wait().unwrap_or_else(|| "closed its log".to_owned());
        say!("{} the server ended by itself: {how}", warning("note"));
        match self.coming.take_if(|coming| coming.number.is_none()) {
            Some(coming) => self.start(coming.version),
            None => say!("{}", dim("save a file or press r to start it again")),
        }
    }

    /// Stops what was started.
    pub(super) fn end(mut self) {
        if let Some(live) = self.serving.take() {
            self.retire(live);
        }
        for retiring in self.retiring {
            // One that panicked has printed why.
            let _ = retiring.join();
        }
    }

    fn start(&mut self, version: Version) {
        let project = version.project.clone();
        if project.manifest.functions.values().all(|function| function.on.is_empty()) {
            return say!("{}", examples::page(&project, self.socket.address()));
        }
        self.count += 1;
        let (number, place) = (self.count, self.place(&project, self.count));
        let socket = match self.socket.listen().and_then(|()| self.socket.share()) {
            Ok(socket) => socket,
            Err(error) => return self.failed(&error),
        };
        self.coming = Some(Coming { version, number: Some(number) });
        let (tombolo, events) = (self.tombolo.clone(), self.events.clone());
        std::thread::spawn(move || {
            let said = events.clone();
            let on = move |what: Said<'_>| {
                let event = match what {
                    Said::Line(line) => Event::Said(number, line.to_owned()),
                    Said::Nothing => Event::Ended(number),
                };
                // The session is over when nobody takes it.
                let _ = said.send(event);
            };
            let server = Server::start_for(&tombolo, &project, socket, &place, on);
            let _ = events.send(Event::Started(number, Box::new(server)));
        });
    }

    fn place(&self, project: &Project, number: u32) -> Place {
        Place::new(project, number)
    }

    /// Lets a server end its requests, beside what goes on.
    fn retire(&mut self, live: Live) {
        let place = self.place(&live.version.project, live.number);
        self.retiring.retain(|retiring| !retiring.is_finished());
        self.retiring.push(std::thread::spawn(move || {
            if let Err(error) = live.server.stop() {
                say!("{error}");
            }
            place.clear();
        }));
    }

    fn failed(&self, error: &DevError) {
        say!("{} {error}", bad("failed"));
        say!("{}", dim(self.what_serves()));
    }

    /// For after a failure.
    pub(super) fn what_serves(&self) -> &'static str {
        match self.serving {
            Some(_) => "the last good version serves on; waiting for a change",
            None => "nothing serves yet; waiting for a change",
        }
    }
}

impl Version {
    fn is_same(&self, other: &Version) -> bool {
        self.digests == other.digests && self.project.manifest == other.project.manifest
    }

    fn tell(&self) {
        let took = duration(self.since.elapsed());
        say!("{} the new version ({took} after the change)", good("swapped to"));
    }
}
