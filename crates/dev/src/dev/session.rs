//! The state of a session, and what each event does to it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::server::{Line, Server};
use super::watch::Watch;
use super::{Event, examples};
use crate::build::{Builder, Detail, Options, Outcome, Outcomes, Progress, Sources};
use crate::error::DevError;
use crate::project::Project;
use crate::say::{bad, bold, colour, dim, duration, good, say, warning};
use crate::test;
use crate::tombolo::Tombolo;

/// One `tombolo dev`.
pub(super) struct Session {
    tombolo: Tombolo,
    builder: Arc<Builder>,
    manifest: PathBuf,
    listen: SocketAddr,
    events: Sender<Event>,
    watch: Watch,
    /// What was built last, or is being built.
    sources: Option<Sources>,
    is_building: bool,
    changed_since: Option<Instant>,
    /// What serves, as it was when it was built.
    serving: Option<(Project, Server)>,
    /// The digests that serve.
    digests: Vec<String>,
    shows_requests: bool,
    is_choosing_event: bool,
}

impl Session {
    pub(super) fn new(
        tombolo: Tombolo,
        manifest: PathBuf,
        listen: SocketAddr,
        events: Sender<Event>,
        watch: Watch,
    ) -> Session {
        Session {
            builder: Arc::new(Builder::for_session(tombolo.clone())),
            tombolo,
            manifest,
            listen,
            events,
            watch,
            sources: None,
            is_building: false,
            changed_since: Some(Instant::now()),
            serving: None,
            digests: Vec::new(),
            shows_requests: true,
            is_choosing_event: false,
        }
    }

    /// Files changed: builds if that makes a difference.
    pub(super) fn changed(&mut self) {
        self.watch.refresh();
        let project = match Project::open(&self.manifest) {
            Ok(project) => project,
            Err(error) => return self.failed(&error),
        };
        // Builds write files too; a file that has its old content back is no change either.
        if self.sources.is_none() || Sources::read(&project).ok() != self.sources {
            self.changed_since.get_or_insert_with(Instant::now);
            self.build();
        }
    }

    /// Starts a build, unless one is under way: then another follows it.
    pub(super) fn build(&mut self) {
        if self.is_building {
            return;
        }
        let project = match Project::open(&self.manifest) {
            Ok(project) => project,
            Err(error) => return self.failed(&error),
        };
        self.sources = Sources::read(&project).ok();
        self.is_building = true;
        let (builder, events) = (Arc::clone(&self.builder), self.events.clone());
        std::thread::spawn(move || {
            let outcomes = project.select(&[]).and_then(|functions| {
                builder.build(&project, &functions, Options::default(), &Progress::new(Detail::Changes))
            });
            // The session is over when nobody takes it.
            let _ = events.send(Event::Built(Box::new(project), outcomes));
        });
    }

    /// A build came to its end: swaps, or leaves what serves alone.
    pub(super) fn built(&mut self, project: Project, outcomes: Result<Outcomes, DevError>) {
        self.is_building = false;
        let before = self.sources.take();
        let now = Sources::read(&project).ok();
        let changed_meanwhile = match (&before, &now) {
            (Some(before), Some(now)) => before.with_locks_of(now) != *now,
            _ => false,
        };
        self.sources = if changed_meanwhile { None } else { now };
        match outcomes {
            Err(error) => self.failed(&error),
            Ok(outcomes) if outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) => {
                self.keep()
            }
            Ok(outcomes) => self.swap(project, &outcomes),
        }
        match changed_meanwhile {
            true => self.build(),
            false => self.changed_since = None,
        }
    }

    /// The server said something.
    pub(super) fn said(&mut self, line: &str) {
        match Line::parse(line) {
            Line::Guest { function, stream, text } => {
                let mark = if stream == "stderr" { warning("!") } else { dim("|") };
                say!("{} {mark} {text}", self.coloured(&function));
            }
            Line::Refused { function, request, reason } => {
                say!("{} {} {request}: {reason}", self.coloured(&function), bad("refused"));
            }
            Line::Request { function, method, path, status, micros, cause }
                if self.shows_requests || status >= 500 =>
            {
                let function = self.coloured(&function.unwrap_or_else(|| "-".to_owned()));
                let status = if status >= 500 { bad(status) } else { dim(status) };
                let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
                say!(
                    "{function} {} {status} {}{cause}",
                    dim(format!("{method} {path}")),
                    dim(duration(Duration::from_micros(micros)))
                );
            }
            Line::Request { .. } => {}
            Line::Other(text) => say!("{}", dim(text)),
        }
    }

    /// A key was pressed.
    pub(super) fn key(&mut self, key: u8) {
        match key {
            b'1'..=b'9' if self.is_choosing_event => self.send_event(usize::from(key - b'1')),
            b'r' => {
                self.changed_since = Some(Instant::now());
                self.build();
            }
            b'l' => {
                self.shows_requests = !self.shows_requests;
                say!(
                    "{}",
                    dim(if self.shows_requests { "requests are shown" } else { "requests are hidden" })
                );
            }
            b't' => self.choose_event(),
            _ => {}
        }
    }

    /// Whether a key ends the session: `q`, or the end of input.
    pub(super) fn is_quit(key: u8) -> bool {
        matches!(key, b'q' | 0x04)
    }

    /// Stops what was started.
    pub(super) fn end(mut self) {
        self.builder.cancel();
        if let Some((_, server)) = self.serving.take()
            && let Err(error) = server.stop()
        {
            say!("{error}");
        }
    }

    fn swap(&mut self, project: Project, outcomes: &Outcomes) {
        let digests: Vec<String> =
            outcomes.iter().map(|(name, outcome)| format!("{name} {}", digest(outcome))).collect();
        let ended = self.serving.as_ref().and_then(|(_, server)| server.ended());
        if let Some(ended) = &ended {
            say!("{} the server ended by itself ({ended}); starting it again", warning("note"));
            self.serving = None;
        }
        let took = self.changed_since.map(|since| since.elapsed()).unwrap_or_default();
        match self.serving.take() {
            None => self.start(project),
            Some((serving, server)) if digests == self.digests && serving.manifest == project.manifest => {
                say!("{}", dim("nothing changed in what is served"));
                self.serving = Some((project, server));
            }
            Some((_, server)) => {
                server.reload();
                say!("{} the new version ({} after the change)", good("swapped to"), duration(took));
                self.serving = Some((project, server));
            }
        }
        self.digests = digests;
    }

    fn start(&mut self, project: Project) {
        say!("{}", examples::page(&project, self.listen));
        if project.manifest.functions.values().all(|function| function.on.is_empty()) {
            return;
        }
        let events = self.events.clone();
        let on_line = move |line: &str| {
            // The session is over when nobody takes it.
            let _ = events.send(Event::Said(line.to_owned()));
        };
        match Server::start_for(&self.tombolo, &project, self.listen, on_line) {
            Ok(server) => self.serving = Some((project, server)),
            Err(error) => say!("{} {error}", bad("failed")),
        }
    }

    fn failed(&mut self, error: &DevError) {
        say!("{} {error}", bad("failed"));
        self.keep();
    }

    fn keep(&mut self) {
        self.changed_since = None;
        let what =
            if self.serving.is_some() { "the last good version serves on" } else { "nothing serves yet" };
        say!("{}", dim(format!("{what}; waiting for a change")));
    }

    fn choose_event(&mut self) {
        let Some((project, _)) = &self.serving else { return say!("nothing serves yet") };
        let functions = examples::event_functions(project);
        match functions.len() {
            0 => say!("no function takes events; add a trigger such as `every 30s` to its `on`"),
            1 => self.send_event(0),
            _ => {
                for (place, (name, _)) in functions.iter().enumerate().take(9) {
                    say!("  {} {name}", bold(place + 1));
                }
                self.is_choosing_event = true;
            }
        }
    }

    /// Sends an event: the first of the function's own test cases, if there is one.
    fn send_event(&mut self, place: usize) {
        self.is_choosing_event = false;
        let Some((project, server)) = &self.serving else { return };
        let Some((name, function)) = examples::event_functions(project).get(place).copied() else { return };
        let sent = test::example_event(project, name, function).and_then(|event| server.event(event));
        match sent {
            Ok(answer) if answer.status().is_success() => say!("{} {name} took the event", good("ok")),
            Ok(answer) => say!("{} {name} did not take the event ({})", bad("failed"), answer.status()),
            Err(error) => say!("{} {error}", bad("failed")),
        }
    }

    fn coloured(&self, function: &str) -> String {
        let place = self.serving.as_ref().and_then(|(project, _)| {
            project.manifest.functions.keys().position(|name| name.as_str() == function)
        });
        place.map_or_else(|| dim(function).to_string(), |place| colour(place).apply_to(function).to_string())
    }
}

fn digest(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Built(built) => &built.inspection.digest,
        Outcome::Failed(_) | Outcome::Remote => "",
    }
}
