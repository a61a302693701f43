//! Files under watch: every folder of the project but those that tools fill.
//!
//! Each folder is watched by itself, so that a `target` or `node_modules` of ten thousand folders costs nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::Event;
use crate::build::is_made;
use crate::error::DevError;
use crate::project::Project;

/// A save is often several writes; this long without one, it is over.
const QUIET: Duration = Duration::from_millis(25);
/// Something that never stops writing does not hold back a build for longer.
const QUIET_MAX: Duration = Duration::from_millis(500);

/// Watched folders.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Sends [`Event::Changed`] after each change.
    pub(super) fn start(project: &Project, events: SyncSender<Event>) -> Result<Watch, DevError> {
        let (raw, changes) = channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.map_or(true, |event| is_change(&event.kind)) {
                // The session is over when nobody takes it.
                let _ = raw.send(());
            }
        });
        let failed = |source| DevError::Watch { path: project.root.clone(), source };
        let mut watch =
            Watch { watcher: watcher.map_err(failed)?, root: project.root.clone(), folders: BTreeSet::new() };
        watch.watcher.watch(&project.root, RecursiveMode::NonRecursive).map_err(failed)?;
        watch.folders.insert(project.root.clone());
        watch.refresh();
        std::thread::spawn(move || settle(&changes, &events));
        Ok(watch)
    }

    /// Takes on new folders and lets go of those that went away.
    pub(super) fn refresh(&mut self) {
        let now = folders(&self.root);
        for gone in self.folders.difference(&now) {
            // The kernel has let go of it already.
            let _ = self.watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<PathBuf> = self.folders.intersection(&now).cloned().collect();
        for new in now.difference(&self.folders) {
            // A folder that went away again is no loss.
            if self.watcher.watch(new, RecursiveMode::NonRecursive).is_ok() {
                watched.insert(new.clone());
            }
        }
        self.folders = watched;
    }
}

/// Reading a file is no change, and builds read a lot.
fn is_change(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

fn settle(changes: &Receiver<()>, events: &SyncSender<Event>) {
    while changes.recv().is_ok() {
        let first = Instant::now();
        let over = loop {
            match changes.recv_timeout(QUIET) {
                Ok(()) if first.elapsed() < QUIET_MAX => {}
                Ok(()) | Err(RecvTimeoutError::Timeout) => break false,
                Err(RecvTimeoutError::Disconnected) => break true,
            }
        };
        if events.send(Event::Changed).is_err() || over {
            return;
        }
    }
}

fn folders(root: &Path) -> BTreeSet<PathBuf> {
    ignore::WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        .git_global(false)
        .parents(false)
        .filter_entry(|entry| {
            let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
            entry.depth() == 0 || is_folder && !entry.file_name().to_str().is_some_and(is_made)
        })
        .build()
        .filter_map(|entry| entry.ok().map(ignore::DirEntry::into_path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(home: &Path) -> Project {
        let manifest = home.join("tombolo.toml");
        std::fs::write(&manifest, "name = \"a\"\nversion = \"1\"\n[functions.f]\ncomponent = \"f.wasm\"\n")
            .unwrap();
        Project::open(&manifest).unwrap()
    }

    #[test]
    fn only_folders_with_sources_are_watched() {
        let home = tempfile::tempdir().unwrap();
        for folder in ["src/deep", "target/debug", "node_modules/x", ".tombolo/build", "made"] {
            std::fs::create_dir_all(home.path().join(folder)).unwrap();
        }
        std::fs::write(home.path().join(".gitignore"), "/made\n").unwrap();
        let found: Vec<_> = folders(home.path())
            .into_iter()
            .map(|path| path.strip_prefix(home.path()).unwrap().to_owned())
            .collect();
        assert_eq!(found, ["", "src", "src/deep"].map(PathBuf::from));
    }

    #[test]
    fn a_save_is_one_change_and_a_new_folder_is_taken_on() {
        let home = tempfile::tempdir().unwrap();
        let project = project(home.path());
        let (sender, events) = std::sync::mpsc::sync_channel(16);
        let mut watch = Watch::start(&project, sender).unwrap();
        let changed = || matches!(events.recv_timeout(Duration::from_secs(30)), Ok(Event::Changed));
        std::fs::create_dir(home.path().join("src")).unwrap();
        assert!(changed());
        watch.refresh();
        for _ in 0..3 {
            std::fs::write(home.path().join("src/main.c"), "x").unwrap();
        }
        assert!(changed());
        std::fs::remove_dir_all(home.path().join("src")).unwrap();
        assert!(changed());
        watch.refresh();
        assert_eq!(watch.folders.len(), 1);
    }
}
