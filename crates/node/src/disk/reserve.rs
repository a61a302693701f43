//! Space set aside: a full disk must not keep anybody from going back, removing or starting again.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// More than a few transactions of the state database take.
const BYTES: usize = 1 << 20;

/// A file that is given up when the disk is full.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// The reserve in `folder`, which may or may not be there yet.
    pub(crate) fn new(folder: &Path) -> Reserve {
        Reserve { path: folder.join("reserve") }
    }

    /// Sets the space aside, if it isn't. Where there is none, there is none to set aside.
    pub(crate) fn fill(&self) {
        if self.path.exists() {
            return;
        }
        let filled = File::create(&self.path).and_then(|mut file| {
            file.write_all(&[0; BYTES])?;
            file.sync_all()
        });
        if filled.is_err() {
            self.give_up();
        }
    }

    /// Gives the space free; false if there was none.
    pub(crate) fn give_up(&self) -> bool {
        match std::fs::remove_file(&self.path) {
            Ok(()) => true,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}
