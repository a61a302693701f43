//! The key with which this machine seals the code that it compiled.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use rustix::fs::Mode;
use rustix::rand::{GetRandomFlags, getrandom};
use tombolo_engine::SealKey;

use crate::folder::Folder;
use crate::temporary::temporary_name;

const NAME: &str = "key";
const KEY_BYTES: usize = 32;
/// Attempts to agree on one key with other processes that start at the same moment.
const ATTEMPTS: u32 = 8;

/// Reads the key of `folder`, and makes it if there is none.
///
/// A key that others could have read, or that is damaged, is replaced: entries sealed with it are then rebuilt. The
/// returned text says so.
pub(crate) fn node_key(folder: &Folder) -> io::Result<(SealKey, Option<String>)> {
    let mut replaced = None;
    for _ in 0..ATTEMPTS {
        match folder.read(NAME) {
            Ok(file) => match read(file)? {
                Ok(key) => return Ok((key, replaced)),
                Err(flaw) => {
                    replaced = Some(format!("{} {flaw}: made a new one", folder.path_of(NAME).display()));
                    folder.remove(NAME)?;
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(folder)?,
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("other processes keep replacing the key"))
}

/// 32 fresh random bytes.
pub(crate) fn random_key() -> io::Result<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    match getrandom(&mut bytes, GetRandomFlags::empty())? {
        KEY_BYTES => Ok(bytes),
        short => Err(io::Error::other(format!("the kernel gave {short} random bytes only"))),
    }
}

fn read(mut file: File) -> io::Result<Result<SealKey, &'static str>> {
    let about = file.metadata()?;
    if !about.is_file() || about.len() != KEY_BYTES as u64 {
        return Ok(Err("is damaged"));
    }
    if about.mode() & 0o077 != 0 {
        return Ok(Err("could be read by others"));
    }
    let mut bytes = [0; KEY_BYTES];
    file.read_exact(&mut bytes)?;
    Ok(Ok(SealKey::new(bytes)))
}

/// Puts a whole key in place in one step. When another process was faster, its key stays.
fn create(folder: &Folder) -> io::Result<()> {
    let name = temporary_name(NAME);
    let file = folder.write_new(&name, Mode::RUSR | Mode::WUSR, &[&random_key()?])?;
    // Entries outlive a power loss, so their key must: else all would have to be rebuilt.
    file.sync_all()?;
    folder.rename_if_free(&name, NAME).map(drop)
}
