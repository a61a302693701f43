//! What can go wrong with a store that is open.

use tombolo_spec::{LimitName, LimitValue};
use wasmtime::component::ResourceTableError;

use super::{BATCH_KEYS_MAX, KEY_BYTES_MAX};

/// What an operation on a store failed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreFault {
    #[error("the store is full: the limit {}={value} is reached", name.name())]
    Limit { name: LimitName, value: LimitValue },
    #[error("a key of {bytes} bytes; the longest has {KEY_BYTES_MAX}")]
    KeyTooLong { bytes: usize },
    #[error("a batch of {keys} keys; the largest has {BATCH_KEYS_MAX}")]
    BatchTooLarge { keys: usize },
    #[error("the values are more than one call may read: the limit {}={value} is reached", name.name())]
    TooMuch { name: LimitName, value: LimitValue },
    #[error("the value is no decimal number, so it cannot be incremented")]
    NotANumber,
    #[error("the sum is more than a number of 64 bits can be")]
    Overflow,
    #[error("another process holds the store")]
    Busy,
    #[error("the disk is full")]
    DiskFull,
    #[error("the store's file is damaged")]
    Damaged,
    #[error("the store's disk failed: {0}")]
    Disk(String),
}

impl StoreFault {
    /// Whether the machine is to blame, not the guest: the operator has to know.
    pub(crate) fn is_the_machines(&self) -> bool {
        matches!(self, StoreFault::Busy | StoreFault::DiskFull | StoreFault::Damaged | StoreFault::Disk(_))
    }
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> StoreFault {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => StoreFault::Busy,
            Some(Code::DiskFull) => StoreFault::DiskFull,
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => StoreFault::Damaged,
            _ => StoreFault::Disk(error.to_string()),
        }
    }
}

/// What a guest's call ends with.
#[derive(Debug)]
pub(crate) enum KvError {
    NoSuchStore,
    AccessDenied,
    Other(StoreFault),
    /// The instance ends.
    Trap(wasmtime::Error),
}

impl From<StoreFault> for KvError {
    fn from(fault: StoreFault) -> KvError {
        KvError::Other(fault)
    }
}

impl From<ResourceTableError> for KvError {
    fn from(error: ResourceTableError) -> KvError {
        KvError::Trap(error.into())
    }
}
