//! `tombolo dev`: build, serve, watch; one task owns all state and takes [`Event`]s.
//!
//! ```text
//!           change                    all built                 ended
//! Idle ───────────────▶ Building ───────────────▶ swap (SIGHUP) ───────▶ started anew by the next good build
//!   ▲                      │  │ change: build again afterwards
//!   └── failed: say why ───┘  ▼
//!       (the last good version serves on)
//! ```

mod client;
mod examples;
mod keys;
mod line;
pub(crate) mod server;
mod session;
mod stop;
mod watch;

use std::path::PathBuf;
use std::sync::mpsc::channel;

use crate::build::Outcomes;
use crate::cli::DevArgs;
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::Tombolo;

use keys::Keys;
use session::Session;
use watch::Watch;

/// Everything that can happen.
enum Event {
    /// Files changed, and have been quiet since.
    Changed,
    /// A build came to its end; the project as it was then.
    Built(Box<Project>, Result<Outcomes, DevError>),
    /// The server said something.
    Said(String),
    /// A key was pressed.
    Key(u8),
    /// A signal, or the end of the terminal.
    Stop,
}

/// Runs until told to stop.
pub(crate) fn run(args: &DevArgs) -> Result<u8, DevError> {
    let project = Project::open(&args.manifest)?;
    let (sender, events) = channel();
    stop::on_signals(sender.clone())?;
    let keys = Keys::read(sender.clone());
    let watch = Watch::start(&project, sender.clone())?;
    let mut session = Session::new(Tombolo::current()?, manifest(args)?, args.listen, sender, watch);
    session.build();
    for event in events {
        match event {
            Event::Changed => session.changed(),
            Event::Built(project, outcomes) => session.built(*project, outcomes),
            Event::Said(line) => session.said(&line),
            Event::Key(key) if Session::is_quit(key) => break,
            Event::Key(key) => session.key(key),
            Event::Stop => break,
        }
    }
    session.end();
    drop(keys);
    Ok(0)
}

fn manifest(args: &DevArgs) -> Result<PathBuf, DevError> {
    std::path::absolute(&args.manifest).map_err(DevError::file("find", &args.manifest))
}
