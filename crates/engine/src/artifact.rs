//! Reading an artifact from a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Larger files are no artifacts; the largest that tools make are about 40 MiB.
const ARTIFACT_BYTES_MAX: u64 = 256 << 20;

/// Why an artifact could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: no such file", path.display())]
    NotFound { path: PathBuf },
    #[error("{}: a directory, not a WebAssembly file; name the .wasm file in it", path.display())]
    Directory { path: PathBuf },
    #[error("{}: larger than {bytes_max} bytes, so no WebAssembly program", path.display())]
    TooLarge { path: PathBuf, bytes_max: u64 },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Reads the file at `path`.
///
/// # Errors
/// [`ReadError`] for the ways in which that fails.
pub fn read_artifact(path: &Path) -> Result<Vec<u8>, ReadError> {
    let path_buf = || path.to_owned();
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ReadError::NotFound { path: path_buf() },
        ErrorKind::IsADirectory => ReadError::Directory { path: path_buf() },
        _ => ReadError::Io { path: path_buf(), source },
    };
    let file = File::open(path).map_err(failed)?;
    let expected = file.metadata().map_err(failed)?.len().min(ARTIFACT_BYTES_MAX);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0) + 1);
    file.take(ARTIFACT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > ARTIFACT_BYTES_MAX {
        true => Err(ReadError::TooLarge { path: path_buf(), bytes_max: ARTIFACT_BYTES_MAX }),
        false => Ok(bytes),
    }
}
