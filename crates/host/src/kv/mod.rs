//! Key-value stores: `wasi:keyvalue` 0.2.0-draft (store, atomics, batch).
//!
//! A store is a folder of the app with a SQLite file in it. A guest opens the stores of its `kv` grants and no
//! others; under a grant for reading it changes nothing. A write is answered when it is on the disk, so what was
//! answered survives `kill -9` and power loss; writes that come at the same time share one trip to the disk.
//!
//! Reads see every write that was answered before they began, from any function, instance or process. One read is
//! a few microseconds and is done on the thread that runs the guest; writes are done by one thread for each store.
//!
//! What a guest can do with it: fill its store up to the limit `kv-size`, and hold up other writers of the same
//! store, which are of its own app. Pages of a listing and batches have at most [`PAGE_KEYS_MAX`] and
//! [`BATCH_KEYS_MAX`] keys, keys at most [`KEY_BYTES_MAX`] bytes, and what a batch reads at most the bytes of the
//! limit `hostcall-fuel`.
//!
//! What the guest learns: `access-denied` for a store that no grant names and for a write under a grant for
//! reading, `no-such-store` for what is no name of a store, `other` with a text for everything else.

mod error;
mod file;
mod host;
mod ops;
mod policy;
mod store;
mod writer;

#[cfg(test)]
mod tests;

pub(crate) use error::KvError;
pub use file::OpenStoreError;
pub use host::Bucket;
pub(crate) use host::{HasKv, KvView};
pub(crate) use policy::Stores;
pub use policy::{GrantedStore, PrepareStoreError};
pub(crate) use store::Store;

/// The longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

/// The most keys of one page of a listing.
pub const PAGE_KEYS_MAX: usize = 1000;

/// The most keys of one batch.
pub const BATCH_KEYS_MAX: usize = 1000;
