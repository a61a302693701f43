//! Names of files that are being written.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = ".new-";

/// A name that no other thread or process uses: even processes with equal ids in different containers differ in time.
pub(crate) fn temporary_name(name: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    format!("{PREFIX}{name}-{}-{count}-{nanos}", process::id())
}

/// Whether `name` came out of [`temporary_name`].
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}
