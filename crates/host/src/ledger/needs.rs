//! What a grant was needed for: so that a narrower one can be proposed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tombolo_spec::{Access, Grant, Request};

/// Different needs that are remembered of one grant. Of one that is used for more, nothing narrower is known.
pub(super) const NEEDS_MAX: usize = 32;
/// Requests that are known to be noted without a look at the list.
const RECENT: usize = 16;

/// The narrowest grants for what one grant allowed.
///
/// A request that came before costs one hash and one load; the lock is for new ones, and there are few of them.
#[derive(Debug, Default)]
pub(super) struct Needs {
    recent: [AtomicU64; RECENT],
    list: Mutex<BTreeSet<Grant>>,
    too_many: AtomicBool,
    wrote: AtomicBool,
}

impl Needs {
    pub(super) fn note_access(&self, access: Access) {
        if access == Access::ReadWrite && !self.wrote.load(Relaxed) {
            self.wrote.store(true, Relaxed);
        }
    }

    pub(super) fn note(&self, request: &Request<'_>) {
        if self.too_many.load(Relaxed) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        request.hash(&mut hasher);
        let hash = hasher.finish();
        let recent = &self.recent[(hash % RECENT as u64) as usize];
        if recent.load(Relaxed) == hash {
            return;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.extend(request.needs());
        if list.len() > NEEDS_MAX {
            self.too_many.store(true, Relaxed);
            list.clear();
        }
        recent.store(hash, Relaxed);
    }

    /// What was needed of a grant that was used; nothing if that is not known.
    pub(super) fn of(&self, grant: &Grant) -> Vec<Grant> {
        let mut narrower = grant.clone();
        match &mut narrower {
            Grant::Dir { access, .. } | Grant::Kv { access, .. } => {
                if !self.wrote.load(Relaxed) {
                    *access = Access::Read;
                }
                vec![narrower]
            }
            Grant::Http { .. } | Grant::TcpConnect { .. } | Grant::UdpConnect { .. } | Grant::Dns { .. } => {
                self.list.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
            }
            _ => vec![narrower],
        }
    }
}
