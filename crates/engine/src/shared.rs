//! Memory that the instances of a process share, each within its own limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Memory for many instances together.
#[derive(Debug)]
pub struct SharedMemory {
    used_bytes: AtomicU64,
    bytes_max: u64,
    /// What this is a part of, and counts for too.
    whole: Option<Arc<SharedMemory>>,
}

/// One instance's part of a [`SharedMemory`], given back on drop.
#[derive(Debug)]
pub struct MemoryShare {
    of: Arc<SharedMemory>,
    bytes: u64,
}

impl SharedMemory {
    /// Memory of which at most `bytes_max` are used at a time.
    pub fn new(bytes_max: u64) -> Arc<SharedMemory> {
        Arc::new(SharedMemory { used_bytes: AtomicU64::new(0), bytes_max, whole: None })
    }

    /// A part of this memory that is counted by itself, and bounded by the whole alone.
    pub fn part(self: &Arc<SharedMemory>) -> Arc<SharedMemory> {
        let whole = Some(Arc::clone(self));
        Arc::new(SharedMemory { used_bytes: AtomicU64::new(0), bytes_max: self.bytes_max, whole })
    }

    /// Bytes in use.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Relaxed)
    }

    /// Bytes that may be in use.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// A part of `bytes`, if there is as much left.
    pub fn share(self: &Arc<SharedMemory>, bytes: u64) -> Option<MemoryShare> {
        self.take(bytes).then(|| MemoryShare { of: Arc::clone(self), bytes })
    }

    fn take(&self, bytes: u64) -> bool {
        let before = self.used_bytes.fetch_add(bytes, Relaxed);
        let fits = before.saturating_add(bytes) <= self.bytes_max
            && self.whole.as_ref().is_none_or(|whole| whole.take(bytes));
        if !fits {
            self.used_bytes.fetch_sub(bytes, Relaxed);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Relaxed);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }
}

impl MemoryShare {
    /// Makes the share at least `bytes` large; whether there was as much left. A share never gets smaller.
    pub fn cover(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let covered = more == 0 || self.of.take(more);
        if covered {
            self.bytes += more;
        }
        covered
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.of.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_grow_up_to_what_is_there_and_are_given_back_whole() {
        let memory = SharedMemory::new(100);
        let mut one = memory.share(60).expect("room");
        assert!(memory.share(41).is_none());
        let mut other = memory.share(30).expect("room");
        assert!(one.cover(50) && one.cover(70) && !one.cover(71) && !other.cover(31));
        assert_eq!(memory.used_bytes(), 100);
        drop(one);
        assert!(other.cover(100));
        drop(other);
        assert_eq!(memory.used_bytes(), 0);
    }

    #[test]
    fn a_part_counts_for_itself_and_for_the_whole() {
        let memory = SharedMemory::new(100);
        let (one, other) = (memory.part(), memory.part());
        let mut share = one.share(60).expect("room");
        assert!(other.share(41).is_none() && !share.cover(101));
        let _other = other.share(30).expect("room");
        assert_eq!((one.used_bytes(), other.used_bytes(), memory.used_bytes()), (60, 30, 90));
        drop(share);
        assert_eq!((one.used_bytes(), memory.used_bytes()), (0, 30));
    }

    #[test]
    fn an_absurd_wish_takes_nothing() {
        let memory = SharedMemory::new(100);
        let mut share = memory.share(1).expect("room");
        assert!(!share.cover(u64::MAX) && memory.share(u64::MAX).is_none());
        assert_eq!(memory.used_bytes(), 1);
    }
}
