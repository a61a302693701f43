//! Seals on compiled code.
//!
//! Loading compiled code means to execute it. Code is therefore loaded only from a file whose seal this process has
//! checked: a keyed hash (BLAKE3) over the code, its kind and the context that it was compiled for, under a key that
//! never leaves the machine. The seal is a trailer, so that the code itself can be mapped from the start of the file.
//!
//! A process that runs as the same user and can write to the file could change it after the check; such a process
//! could as well read the key or change the program. Files are kept read-only in a folder closed to other users.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::inspect::Kind;

/// Bytes that a seal adds at the end of the code.
pub const SEAL_BYTES: usize = 8 + 1 + 32;

const MAGIC: &[u8; 8] = b"tombolo1";
/// Read in pieces that stay in the processor's cache, and take few first touches of fresh memory.
const CHUNK_BYTES: usize = 64 * 1024;
/// Larger files are not compiled code of ours.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 30;

/// A node's key for seals: 32 secret bytes.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// The key with these bytes. They must come from a good random source.
    pub fn new(bytes: [u8; 32]) -> SealKey {
        SealKey(bytes)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

/// Compiled code in an open file whose seal was checked: by this process ([`Authenticated::open`]), or by the one that
/// it trusts with that ([`Authenticated::handed_over`]).
#[derive(Debug)]
pub struct Authenticated {
    pub(crate) file: File,
    pub(crate) kind: Kind,
    /// The file cannot be opened again by its path: the process is locked down.
    pub(crate) copy: bool,
}

/// Why a file is not taken for our compiled code.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is not sealed compiled code ({0} bytes)")]
    NotSealed(u64),
    #[error("carries a seal that does not match its content, this entry or this machine's key")]
    Mismatch,
}

/// The seal for `code` of `kind`, to be written right behind it.
///
/// `context` names what the code was compiled from and for; the same bytes must be given to open it.
pub fn seal(key: &SealKey, context: &[u8], kind: Kind, code: &[u8]) -> [u8; SEAL_BYTES] {
    let mut mac = keyed(key, context, kind);
    mac.update(code);
    let mut seal = [0; SEAL_BYTES];
    seal[..8].copy_from_slice(MAGIC);
    seal[8] = kind_byte(kind);
    seal[9..].copy_from_slice(mac.finalize().as_bytes());
    seal
}

impl Authenticated {
    /// Checks the seal of `file` under `key` for `context`.
    ///
    /// # Errors
    /// [`SealError`] when the file is unreadable, unsealed, changed, sealed for another context or by another key.
    pub fn open(file: File, key: &SealKey, context: &[u8]) -> Result<Authenticated, SealError> {
        let about = file.metadata()?;
        let file_bytes = about.len();
        let code_bytes = file_bytes
            .checked_sub(SEAL_BYTES as u64)
            .filter(|_| about.is_file() && file_bytes <= FILE_BYTES_MAX)
            .ok_or(SealError::NotSealed(file_bytes))?;
        let mut seal = [0; SEAL_BYTES];
        file.read_exact_at(&mut seal, code_bytes)?;
        let kind = kind_of(&seal).ok_or(SealError::NotSealed(file_bytes))?;
        let mut mac = keyed(key, context, kind);
        hash_file(&mut mac, &file, code_bytes)?;
        let expected: [u8; 32] = seal[9..].try_into().map_err(|_| SealError::Mismatch)?;
        // blake3::Hash compares in constant time.
        match mac.finalize() == blake3::Hash::from(expected) {
            true => Ok(Authenticated { file, kind, copy: false }),
            false => Err(SealError::Mismatch),
        }
    }

    /// The file of another process' `Authenticated`, as it came over a socket that only that process writes to.
    ///
    /// For a process that is locked down and cannot read the key: whoever started it, and holds all of its rights and
    /// more, has checked the seal. Never for a file that came from anywhere else, since its code will be executed.
    pub fn handed_over(file: File, kind: Kind) -> Authenticated {
        Authenticated { file, kind, copy: true }
    }

    /// Whether the code is a module's or a component's.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

fn keyed(key: &SealKey, context: &[u8], kind: Kind) -> blake3::Hasher {
    let mut mac = blake3::Hasher::new_keyed(&key.0);
    mac.update(&(context.len() as u64).to_le_bytes());
    mac.update(context);
    mac.update(&[kind_byte(kind)]);
    mac
}

fn hash_file(mac: &mut blake3::Hasher, file: &File, code_bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES.min(code_bytes as usize)];
    let mut offset = 0;
    while offset < code_bytes {
        let wanted = buffer.len().min((code_bytes - offset) as usize);
        file.read_exact_at(&mut buffer[..wanted], offset)?;
        mac.update(&buffer[..wanted]);
        offset += wanted as u64;
    }
    Ok(())
}

fn kind_byte(kind: Kind) -> u8 {
    match kind {
        Kind::Module => b'm',
        Kind::Component => b'c',
    }
}

fn kind_of(seal: &[u8; SEAL_BYTES]) -> Option<Kind> {
    match (seal.starts_with(MAGIC), seal[8]) {
        (true, b'm') => Some(Kind::Module),
        (true, b'c') => Some(Kind::Component),
        _ => None,
    }
}
