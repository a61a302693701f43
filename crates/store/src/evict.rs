//! Keeping the cache below its size.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::Stat;

use crate::folder::Folder;
use crate::key::is_entry;
use crate::temporary::is_temporary;

/// Files that were being written this long ago belong to processes that died.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes abandoned files, and entries in order of their last use until at most `bytes_max` are left. `keep`, which
/// was just written, stays.
pub(crate) fn evict(folder: &Folder, bytes_max: u64, keep: &str) -> io::Result<()> {
    let files = folder.list()?;
    let abandoned_before = SystemTime::now().checked_sub(ABANDONED).unwrap_or(UNIX_EPOCH);
    for (name, stat) in &files {
        if is_temporary(name) && modified(stat) < abandoned_before {
            folder.remove(name)?;
        }
    }
    let mut entries: Vec<_> = files.into_iter().filter(|(name, _)| is_entry(name)).collect();
    entries.sort_by_key(|(_, stat)| modified(stat));
    let mut bytes: u64 = entries.iter().map(|(_, stat)| size(stat)).sum();
    for (name, stat) in entries.iter().filter(|(name, _)| name != keep) {
        if bytes <= bytes_max {
            break;
        }
        folder.remove(name)?;
        bytes = bytes.saturating_sub(size(stat));
    }
    Ok(())
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn modified(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, u32::try_from(stat.st_mtime_nsec).unwrap_or(0))
}
