//! The files that the loader watches: certificates always, and with `--watch` the manifest and its components.
//!
//! What is watched are their folders, since editors and compilers replace files by renaming, and whole sets of files
//! are replaced by turning a symbolic link (as Kubernetes does). Whether it was one of the files is seen from its
//! inode, size and time.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use anyhow::Context;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::loader::{Changed, Event};
use super::wanted::Wanted;
use crate::args::ServeArgs;
use crate::exit::Failure;

/// A change is often several; this long without one, it is over.
const QUIET: Duration = Duration::from_millis(50);
/// Something that never stops changing does not hold back a reload for longer.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// The watched files and what they were when they were looked at last.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    functions: Files,
    certificates: Files,
    /// Whether the manifest and its components are watched.
    follows: bool,
}

impl Watch {
    /// Starts to watch; each change sends [`Event::Changed`].
    ///
    /// # Errors
    /// The kernel refuses to watch.
    pub(super) fn new(args: &ServeArgs, events: Sender<Event>) -> Result<Watch, Failure> {
        let certificates =
            super::tls_files(args).into_iter().flat_map(|files| [files.certificate, files.key]).collect();
        let mut watch = Watch {
            watcher: None,
            folders: BTreeSet::new(),
            functions: Files::new(args.watch.then(|| args.manifest.clone()).flatten().into_iter().collect()),
            certificates: Files::new(certificates),
            follows: args.watch,
        };
        if watch.follows || !watch.certificates.0.is_empty() {
            let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| is_change(event.kind)) {
                    // Nobody takes it when the loader ends.
                    let _ = events.send(Event::Changed);
                }
            });
            watch.watcher = Some(watcher.context("files cannot be watched")?);
        }
        // A manifest that cannot be read keeps the server itself from starting.
        if let Ok(wanted) = Wanted::read(args) {
            watch.follow(&wanted);
        }
        watch.watch_folders();
        Ok(watch)
    }

    /// Watches the components of these functions too.
    pub(super) fn follow(&mut self, wanted: &Wanted) {
        if self.follows {
            let manifest = self.functions.0.iter().take(usize::from(wanted.text().is_some()));
            let manifest = manifest.map(|(path, _)| path.clone());
            let programs = wanted.plans.iter().map(|plan| plan.program.clone());
            self.functions = Files::new(manifest.chain(programs).collect());
            self.watch_folders();
        }
    }

    /// What has changed since this was called last.
    pub(super) fn look(&mut self) -> Changed {
        Changed { functions: self.functions.look(), certificates: self.certificates.look() }
    }

    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for path in self.functions.0.iter().chain(&self.certificates.0).map(|(path, _)| path) {
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            // A folder that is missing is missed again when the file in it is read.
            if !self.folders.contains(folder) && watcher.watch(folder, RecursiveMode::NonRecursive).is_ok() {
                self.folders.insert(folder.to_owned());
            }
        }
    }
}

/// The next event; changes that follow each other closely are one. `None` when nobody can send any more.
pub(super) fn settle(events: &Receiver<Event>) -> Option<Event> {
    let first = events.recv().ok()?;
    let begun = Instant::now();
    if !matches!(first, Event::Changed) {
        return Some(first);
    }
    loop {
        match events.recv_timeout(QUIET) {
            Ok(Event::Changed) if begun.elapsed() < QUIET_MAX => {}
            Ok(Event::Changed) | Err(RecvTimeoutError::Timeout) => return Some(Event::Changed),
            Ok(other) => return Some(other),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Reading a file is no change.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Files and what they were.
struct Files(Vec<(PathBuf, Option<Seen>)>);

/// Enough of a file to see that it is another.
#[derive(PartialEq, Eq)]
struct Seen {
    inode: (u64, u64),
    bytes: u64,
    changed: (i64, i64),
}

impl Files {
    fn new(paths: Vec<PathBuf>) -> Files {
        Files(paths.into_iter().map(|path| (seen(&path), path)).map(|(seen, path)| (path, seen)).collect())
    }

    /// Whether any is another than before.
    fn look(&mut self) -> bool {
        let mut changed = false;
        for (path, before) in &mut self.0 {
            let now = seen(path);
            // A file that is gone is about to come back, or its absence would have to be an error.
            if now.is_some() && now != *before {
                *before = now;
                changed = true;
            }
        }
        changed
    }
}

fn seen(path: &Path) -> Option<Seen> {
    let about = std::fs::metadata(path).ok()?;
    Some(Seen {
        inode: (about.dev(), about.ino()),
        bytes: about.len(),
        changed: (about.mtime(), about.mtime_nsec()),
    })
}
