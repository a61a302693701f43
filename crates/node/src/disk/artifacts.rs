//! Artifacts by their digest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tombolo_spec::Digest;

use super::atomic::put;

/// The largest artifact, in bytes. JavaScript and Python components have about 20 MiB.
const ARTIFACT_BYTES_MAX: u64 = 512 << 20;

/// A folder of artifacts, each named by its digest.
#[derive(Debug, Clone)]
pub struct Artifacts {
    folder: PathBuf,
}

/// An artifact that is being received.
#[derive(Debug)]
pub struct Arriving {
    file: File,
    temporary: PathBuf,
    hasher: Sha256,
    bytes: u64,
}

/// An artifact could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// It is not what it was announced as.
    #[error("the artifact is {actual}, not {announced}: it was damaged on the way, or is another file")]
    Digest {
        /// What was announced.
        announced: Digest,
        /// What came.
        actual: Digest,
    },
    /// It is too large.
    #[error("an artifact has at most {} MiB", ARTIFACT_BYTES_MAX >> 20)]
    TooLarge,
    /// The disk is full or broken.
    #[error("the artifact cannot be kept: {0}")]
    Io(#[from] io::Error),
}

impl Artifacts {
    /// The artifacts in `folder`, which is made. What a former process left unfinished is removed.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: PathBuf) -> io::Result<Artifacts> {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Artifacts { folder })
    }

    /// Where the artifact is, if it is there.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.hex())
    }

    /// Whether it is there.
    pub fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Begins to receive one.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn receive(&self) -> Result<Arriving, ArtifactError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!("{TEMPORARY}{}-{count}", std::process::id()));
        let file = File::create(&temporary)?;
        Ok(Arriving { file, temporary, hasher: Sha256::new(), bytes: 0 })
    }

    /// Removes what is not in `keep` and has been there for `age`: what came just now may be about to be deployed.
    /// Returns how many were removed.
    ///
    /// # Errors
    /// When the folder cannot be changed.
    pub fn keep_only(&self, keep: &BTreeSet<Digest>, age: Duration) -> io::Result<usize> {
        let keep: BTreeSet<String> = keep.iter().map(Digest::hex).collect();
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let old = is_apart(entry.metadata()?.modified()?, SystemTime::now(), age);
            if old && !name.starts_with(TEMPORARY) && !keep.contains(&name) {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// True if this was not just now. A clock that was wrong may have left times that are yet to come.
fn is_apart(then: SystemTime, now: SystemTime, age: Duration) -> bool {
    now.duration_since(then).unwrap_or_else(|ahead| ahead.duration()) >= age
}

const TEMPORARY: &str = ".new-";

impl Arriving {
    /// Takes the next part.
    ///
    /// # Errors
    /// [`ArtifactError`], also for one byte too many.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > ARTIFACT_BYTES_MAX {
            return Err(ArtifactError::TooLarge);
        }
        self.hasher.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// Keeps it, if it is what was announced. It is on disk then, come what may.
    ///
    /// # Errors
    /// [`ArtifactError`]; nothing is left behind.
    pub fn finish(mut self, artifacts: &Artifacts, announced: &Digest) -> Result<(), ArtifactError> {
        let hasher = std::mem::take(&mut self.hasher);
        let actual = Digest(hasher.finalize().into());
        if actual != *announced {
            return Err(ArtifactError::Digest { announced: *announced, actual });
        }
        self.file.sync_all()?;
        Ok(put(&self.temporary, Path::new(&artifacts.path(announced)))?)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // After `finish` there is nothing of that name.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    #[test]
    fn what_arrives_is_kept_only_if_it_is_what_was_announced() {
        let folder = tempfile::tempdir().expect("a folder");
        let artifacts = Artifacts::open(folder.path().join("artifacts")).expect("opened");
        let digest = digest_of(b"hello");
        let mut arriving = artifacts.receive().expect("received");
        arriving.write(b"hel").expect("written");
        arriving.write(b"lo").expect("written");
        arriving.finish(&artifacts, &digest).expect("kept");
        assert_eq!(std::fs::read(artifacts.path(&digest)).expect("there"), b"hello");

        let mut damaged = artifacts.receive().expect("received");
        damaged.write(b"hellp").expect("written");
        let other = digest_of(b"other");
        assert!(matches!(damaged.finish(&artifacts, &other), Err(ArtifactError::Digest { .. })));
        assert!(!artifacts.has(&other));
        assert_eq!(std::fs::read_dir(folder.path().join("artifacts")).expect("readable").count(), 1);
    }

    #[test]
    fn what_nobody_needs_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let artifacts = Artifacts::open(folder.path().to_owned()).expect("opened");
        for text in ["a", "b"] {
            let mut arriving = artifacts.receive().expect("received");
            arriving.write(text.as_bytes()).expect("written");
            arriving.finish(&artifacts, &digest_of(text.as_bytes())).expect("kept");
        }
        let keep = BTreeSet::from([digest_of(b"a")]);
        let hour = Duration::from_secs(3600);
        assert_eq!(artifacts.keep_only(&keep, hour).expect("nothing is that old"), 0);
        assert_eq!(artifacts.keep_only(&keep, Duration::ZERO).expect("removed"), 1);
        assert!(artifacts.has(&digest_of(b"a")) && !artifacts.has(&digest_of(b"b")));
    }
}
