//! The program that was named: its bytes, and what they are.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tombolo_engine::{ArtifactInfo, Entry, Kind, Wasi, inspect};

use crate::exit::{Exit, Failure, OrExit};

/// The largest artifact that is read, in bytes. JavaScript and Python components have about 20 MiB.
const ARTIFACT_BYTES_MAX: u64 = 512 << 20;

/// An artifact in memory.
pub(crate) struct Program {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub info: ArtifactInfo,
}

impl Program {
    /// Reads and inspects an artifact.
    ///
    /// # Errors
    /// 127 when there is no such file, 126 when it cannot be a program.
    pub(crate) fn read(path: &Path) -> Result<Program, Failure> {
        let bytes = read(path)?;
        let shown = path.display().to_string();
        let info = inspect(&bytes)
            // A text's parser does not know which file it reads.
            .map_err(|error| anyhow!("{}: {error}", path.display()).to_string().replace("<anon>", &shown))
            .map_err(anyhow::Error::msg)
            .or_exit(Exit::NotPermitted)?;
        Ok(Program { path: path.to_owned(), bytes, info })
    }

    /// The WASI version by which the program is run as a command.
    ///
    /// # Errors
    /// It has no entry point for that.
    pub(crate) fn runs_as(&self) -> Result<Wasi, Failure> {
        let entry = self.info.entries.iter().find_map(|entry| match entry {
            Entry::Start => Some(Wasi::P1),
            Entry::CommandP2 => Some(Wasi::P2),
            Entry::CommandP3 => Some(Wasi::P3),
            Entry::HttpP2 | Entry::HttpP3 | Entry::Initialize => None,
        });
        entry.ok_or_else(|| {
            let shown = self.path.display();
            Failure::new(Exit::NotPermitted, anyhow!("{shown}: not a command: {}", self.why_no_command()))
        })
    }

    fn why_no_command(&self) -> &'static str {
        let entries = &self.info.entries;
        if entries.iter().any(|entry| matches!(entry, Entry::HttpP2 | Entry::HttpP3)) {
            return "it answers HTTP requests; run it with `tombolo serve`";
        }
        match self.info.kind {
            Kind::Module => "the module exports no _start function; build it as a program, not as a library",
            Kind::Component => "the component does not export wasi:cli/run; build it as a command",
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let mut file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            anyhow!("{shown}: no such file; name a .wasm or .wat file, or a function with -f tombolo.toml"),
        ),
        _ => Failure::new(Exit::NotPermitted, anyhow!("{shown}: cannot be opened: {error}")),
    })?;
    let metadata = file.metadata().with_context(|| format!("{shown}: cannot be read"))?;
    if metadata.is_dir() {
        return Err(Failure::new(Exit::NotPermitted, anyhow!("{shown}: a folder, not a program")));
    }
    if !metadata.is_file() {
        return Err(Failure::new(Exit::NotPermitted, anyhow!("{shown}: not a regular file")));
    }
    if metadata.len() > ARTIFACT_BYTES_MAX {
        let too_large =
            anyhow!("{shown}: {} bytes; a program has at most {ARTIFACT_BYTES_MAX}", metadata.len());
        return Err(Failure::new(Exit::NotPermitted, too_large));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.read_to_end(&mut bytes)
        .with_context(|| format!("{shown}: cannot be read"))
        .or_exit(Exit::NotPermitted)?;
    Ok(bytes)
}
