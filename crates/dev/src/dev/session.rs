//! The state of a session, and what each event does to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Instant;

use super::line::Line;
use super::show::show;
use super::stage::{Stage, Version};
use super::watch::Watch;
use super::{Event, examples};
use crate::build::{Builder, Detail, Options, Outcome, Outcomes, Progress, Sources};
use crate::error::DevError;
use crate::project::Project;
use crate::say::{bad, bold, dim, good, say};
use crate::test;
use crate::tombolo::Tombolo;

/// One `tombolo dev`.
pub(super) struct Session {
    builder: Arc<Builder>,
    manifest: PathBuf,
    events: SyncSender<Event>,
    watch: Watch,
    stage: Stage,
    /// What was built last, or is being built.
    sources: Option<Sources>,
    is_building: bool,
    /// Whether to build as soon as what is under way has come to its end.
    is_build_wanted: bool,
    changed_since: Option<Instant>,
    shows_requests: bool,
    is_choosing_event: bool,
}

impl Session {
    pub(super) fn new(
        tombolo: Tombolo,
        manifest: PathBuf,
        events: SyncSender<Event>,
        watch: Watch,
        stage: Stage,
    ) -> Session {
        Session {
            builder: Arc::new(Builder::for_session(tombolo)),
            manifest,
            events,
            watch,
            stage,
            sources: None,
            is_building: false,
            is_build_wanted: false,
            changed_since: None,
            shows_requests: true,
            is_choosing_event: false,
        }
    }

    /// Takes an event; whether the session goes on.
    pub(super) fn take(&mut self, event: Event) -> bool {
        match event {
            Event::Changed => self.changed(),
            Event::Built(project, outcomes) => self.built(*project, outcomes),
            Event::Said(number, line) => self.said(number, &line),
            Event::Ended(number) => self.stage.ended(number),
            Event::Started(number, server) => self.stage.started(number, *server),
            Event::Key(b'q' | 0x04) | Event::Stop => return false,
            Event::Key(key) => self.key(key),
        }
        if self.is_build_wanted {
            self.build();
        }
        true
    }

    /// Builds, or makes sure that it is done as soon as it can be: a version on its way is read from its files.
    pub(super) fn build(&mut self) {
        self.changed_since.get_or_insert_with(Instant::now);
        self.is_build_wanted = self.is_building || self.stage.is_busy();
        if self.is_build_wanted {
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

    /// Stops what was started.
    pub(super) fn end(self) {
        self.builder.cancel();
        self.stage.end();
    }

    /// Files changed: builds if that makes a difference.
    fn changed(&mut self) {
        self.watch.refresh();
        let project = match Project::open(&self.manifest) {
            Ok(project) => project,
            Err(error) => return self.failed(&error),
        };
        // Builds write files too; a file that has its old content back is no change either.
        if self.sources.is_none() || Sources::read(&project).ok() != self.sources {
            self.build();
        }
    }

    /// A build came to its end: swaps, or leaves what serves alone.
    fn built(&mut self, project: Project, outcomes: Result<Outcomes, DevError>) {
        self.is_building = false;
        let before = self.sources.take();
        let now = Sources::read(&project).ok();
        let changed_meanwhile = match (&before, &now) {
            (Some(before), Some(now)) => before.with_locks_of(now) != *now,
            _ => false,
        };
        self.sources = if changed_meanwhile { None } else { now };
        let since = self.changed_since.take().unwrap_or_else(Instant::now);
        match outcomes {
            Err(error) => self.failed(&error),
            Ok(outcomes) if outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) => {
                self.keep();
            }
            Ok(outcomes) => {
                let digests = outcomes.iter().map(|(name, outcome)| format!("{name} {}", digest(outcome)));
                self.stage.swap(Version { digests: digests.collect(), project, since });
            }
        }
        if changed_meanwhile {
            self.build();
        }
    }

    fn said(&mut self, number: u32, line: &str) {
        let line = Line::parse(line);
        self.stage.said(number, &line);
        show(line, self.stage.serving().map(|(project, _)| project), self.shows_requests);
    }

    /// A key was pressed.
    fn key(&mut self, key: u8) {
        match key {
            b'1'..=b'9' if self.is_choosing_event => self.send_event(usize::from(key - b'1')),
            b'r' => self.build(),
            b'l' => {
                self.shows_requests = !self.shows_requests;
                let word = if self.shows_requests { "shown" } else { "hidden, unless they fail" };
                say!("{}", dim(format!("requests are {word}")));
            }
            b't' => self.choose_event(),
            _ => {}
        }
    }

    fn failed(&mut self, error: &DevError) {
        say!("{} {error}", bad("failed"));
        self.keep();
    }

    fn keep(&mut self) {
        self.changed_since = None;
        say!("{}", dim(self.stage.what_serves()));
    }

    fn choose_event(&mut self) {
        let Some((project, _)) = self.stage.serving() else { return say!("nothing serves yet") };
        let functions = examples::event_functions(project);
        match functions.len() {
            0 => say!("no function takes events; add a trigger such as `every 30s` to its `on`"),
            1 => self.send_event(0),
            _ => {
                say!("an event for");
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
        let Some((project, server)) = self.stage.serving() else { return };
        let Some((name, function)) = examples::event_functions(project).get(place).copied() else { return };
        let sent = test::example_event(project, name, function).and_then(|event| server.event(event));
        match sent {
            Ok(answer) if answer.status().is_success() => say!("{} {name} took the event", good("ok")),
            Ok(answer) => say!("{} {name} did not take the event ({})", bad("failed"), answer.status()),
            Err(error) => say!("{} {error}", bad("failed")),
        }
    }
}

fn digest(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Built(built) => &built.inspection.digest,
        Outcome::Failed(_) | Outcome::Remote => "",
    }
}
