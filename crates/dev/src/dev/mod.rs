//! `tombolo dev`: build, serve, watch; one task owns all state and takes [`Event`]s.
//!
//! ```text
//!            change                 all built
//!  idle ───────────────▶ building ───────────────▶ swapping (see stage) ──▶ idle
//!   ▲                       │  a change meanwhile: build again afterwards
//!   └─── failed: say why ───┘
//!        (the last good version serves on)
//! ```

mod client;
mod examples;
mod keys;
mod line;
pub(crate) mod server;
mod session;
mod show;
mod socket;
mod stage;
mod stop;
mod watch;

use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use crate::build::Outcomes;
use crate::cli::DevArgs;
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::Tombolo;

use keys::Keys;
use server::Server;
use session::Session;
use socket::Socket;
use stage::Stage;
use watch::Watch;

/// Events that wait at most: a server that logs faster than a terminal shows has to wait.
const EVENTS_MAX: usize = 1024;

/// Everything that can happen.
enum Event {
    /// Files changed, and have been quiet since.
    Changed,
    /// A build came to its end; the project as it was then.
    Built(Box<Project>, Result<Outcomes, DevError>),
    /// A server answers from now on, or will not. Servers have numbers.
    Started(u32, Box<Result<Server, DevError>>),
    /// A server said something.
    Said(u32, String),
    /// A server will say nothing any more.
    Ended(u32),
    /// A key was pressed.
    Key(u8),
    /// A signal, or the end of the terminal.
    Stop,
}

/// Runs until told to stop.
pub(crate) fn run(args: &DevArgs) -> Result<u8, DevError> {
    let project = Project::open(&args.manifest)?;
    let socket = Socket::bind(args.listen)?;
    let (sender, events) = sync_channel(EVENTS_MAX);
    stop::on_signals(sender.clone())?;
    let keys = Keys::read(sender.clone());
    let watch = Watch::start(&project, sender.clone())?;
    let tombolo = Tombolo::current()?;
    let stage = Stage::new(tombolo.clone(), socket, sender.clone());
    let mut session = Session::new(tombolo, manifest(args)?, sender, watch, stage);
    session.build();
    for event in events {
        if !session.take(event) {
            break;
        }
    }
    session.end();
    drop(keys);
    Ok(0)
}

fn manifest(args: &DevArgs) -> Result<PathBuf, DevError> {
    std::path::absolute(&args.manifest).map_err(DevError::file("find", &args.manifest))
}
