//! Volumes: folders that the node keeps for an app, each with a quota.
//!
//! A guest sees a volume as a folder like any other, in every WASI version; what may grow it goes through here.
//! Counted are the lengths of all files (a hole counts as if it were written), each file once however many names it
//! has, and one that has no name left as long as somebody has it open. Names are bounded too, so that a guest cannot
//! fill the disk with empty files. A write that fits in part is made in part, as on any full disk.
//!
//! Instances share a volume and its count; a second process is refused, as it would count for itself alone.

mod count;
mod quota;
mod stream;

#[cfg(test)]
mod tests;

pub(crate) use quota::{Place, Quota, QuotaReached};
pub(crate) use stream::{VolumeConsumer, VolumeStream, Writing};

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use crate::data::{self, DataError};

/// A volume that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenVolumeError {
    /// Its folder cannot be made.
    #[error("the volume {name:?}: {source}")]
    Folder {
        /// The volume.
        name: String,
        /// Why not.
        source: DataError,
    },
    /// Its folder cannot be counted or locked.
    #[error("the volume {name:?}: {path}: {source}", path = path.display())]
    Count {
        /// The volume.
        name: String,
        /// Where it went wrong.
        path: PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// Another process uses it.
    #[error(
        "the volume {name:?} is in use by another tombolo; end that one, or name another folder with --data"
    )]
    InUse {
        /// The volume.
        name: String,
    },
}

/// A volume and what is in it.
pub(crate) struct Volume {
    pub(crate) folder: Arc<File>,
    state: Mutex<State>,
    /// Locked as long as this process lives, and those it has made.
    _lock: File,
}

/// What a volume holds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) bytes: u64,
    pub(crate) names: u64,
}

#[derive(Default)]
struct State {
    held: Held,
    /// Files that guests opened and may have open still, by their number on the disk.
    open: HashMap<u64, OpenFile>,
}

#[derive(Default)]
struct OpenFile {
    handles: Vec<Weak<File>>,
    /// The bytes of a file that has no name any more.
    nameless_bytes: Option<u64>,
}

impl Volume {
    /// Makes the volume if it is not there, takes it for this process, and counts what is in it.
    pub(crate) fn open(root: &Path, name: &str) -> Result<Volume, OpenVolumeError> {
        let path = root.join("volumes").join(name);
        let folder = data::open_folder(&path)
            .map_err(|source| OpenVolumeError::Folder { name: name.to_owned(), source })?;
        let failed = |path: &Path, source: std::io::Error| OpenVolumeError::Count {
            name: name.to_owned(),
            path: path.to_owned(),
            source,
        };
        let lock_path = root.join("volumes").join(format!("{name}.lock"));
        let lock = lock(&lock_path).map_err(|errno| match errno {
            Errno::WOULDBLOCK => OpenVolumeError::InUse { name: name.to_owned() },
            errno => failed(&lock_path, errno.into()),
        })?;
        let held = count::count(&path).map_err(|(path, error)| failed(&path, error))?;
        let state = State { held, open: HashMap::new() };
        Ok(Volume { folder: Arc::new(folder), state: Mutex::new(state), _lock: lock })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name of a volume never ends in `.lock`: it has no dot.
fn lock(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

impl State {
    /// Gives up what nameless files held that nobody has open any more.
    fn sweep(&mut self) {
        let held = &mut self.held;
        self.open.retain(|_, file| file.is_open() || file.give_up(held));
    }
}

impl OpenFile {
    fn is_open(&mut self) -> bool {
        self.handles.retain(|handle| handle.strong_count() > 0);
        !self.handles.is_empty()
    }

    /// False, as nothing is left of it.
    fn give_up(&mut self, held: &mut Held) -> bool {
        held.bytes = held.bytes.saturating_sub(self.nameless_bytes.take().unwrap_or(0));
        false
    }
}
