//! `wasi:keyvalue` 0.2.0-draft.

use std::sync::Arc;

use rusqlite::Connection;
use tombolo_spec::Access;
use wasmtime::component::{HasData, Resource};
use wasmtime_wasi_io::IoView as _;

use super::error::{KvError, StoreFault};
use super::ops::{self, Change, Changed};
use super::policy::GrantedStore;
use crate::bindings::keyvalue::{atomics, batch, store};
use crate::guest::Guest;
use crate::template::Template;

/// Names a guest's stores to the linker.
pub(crate) struct HasKv;

impl HasData for HasKv {
    type Data<'a> = KvView<'a>;
}

/// A guest that uses stores.
pub(crate) struct KvView<'a>(pub(crate) &'a mut Guest);

/// A store that a guest has open: its place among those of its function.
pub struct Bucket(usize);

type Handle = Resource<Bucket>;
type KvResult<T> = Result<T, KvError>;

impl KvView<'_> {
    fn template(&self) -> Arc<Template> {
        Arc::clone(self.0.template())
    }

    fn place(&mut self, bucket: &Handle) -> KvResult<usize> {
        Ok(self.0.table().get(bucket)?.0)
    }

    fn read<T>(
        &mut self,
        bucket: &Handle,
        work: impl FnOnce(&Connection) -> Result<T, StoreFault>,
    ) -> KvResult<T> {
        let place = self.place(bucket)?;
        let template = self.0.template();
        let granted = granted(template, place)?;
        granted.used(Access::Read, template.ledger());
        let read = granted.store.read(work);
        self.settle(place, read)
    }

    async fn change(&mut self, bucket: &Handle, change: Change) -> KvResult<Changed> {
        let place = self.place(bucket)?;
        let template = self.template();
        let granted = granted(&template, place)?;
        granted.may_write(template.ledger())?;
        granted.used(Access::ReadWrite, template.ledger());
        let changed = granted.store.change(change, &template.limits().all).await;
        self.settle(place, changed)
    }

    /// What the guest gets; the operator hears of what is not the guest's own fault.
    fn settle<T>(&mut self, place: usize, done: Result<T, StoreFault>) -> KvResult<T> {
        done.map_err(|fault| {
            let template = self.template();
            if let Ok(granted) = granted(&template, place) {
                granted.faulted(template.ledger(), &fault);
            }
            if let StoreFault::Limit { name, .. } | StoreFault::TooMuch { name, .. } = fault {
                self.0.refuse_limit(name);
            }
            fault.into()
        })
    }
}

fn granted(template: &Template, place: usize) -> KvResult<&GrantedStore> {
    template.stores().get(place).ok_or(KvError::NoSuchStore)
}

impl store::Host for KvView<'_> {
    fn open(&mut self, identifier: String) -> KvResult<Handle> {
        let template = self.0.template();
        let place = template.find_store(&identifier)?;
        Ok(self.0.table().push(Bucket(place))?)
    }

    fn convert_error(&mut self, error: KvError) -> wasmtime::Result<store::Error> {
        match error {
            KvError::NoSuchStore => Ok(store::Error::NoSuchStore),
            KvError::AccessDenied => Ok(store::Error::AccessDenied),
            KvError::Other(fault) => Ok(store::Error::Other(fault.to_string())),
            KvError::Trap(error) => Err(error),
        }
    }
}

impl store::HostBucket for KvView<'_> {
    fn get(&mut self, bucket: Handle, key: String) -> KvResult<Option<Vec<u8>>> {
        self.read(&bucket, |connection| ops::get(connection, &key))
    }

    async fn set(&mut self, bucket: Handle, key: String, value: Vec<u8>) -> KvResult<()> {
        self.change(&bucket, Change::Set(vec![(key, value)])).await.map(drop)
    }

    async fn delete(&mut self, bucket: Handle, key: String) -> KvResult<()> {
        self.change(&bucket, Change::Delete(vec![key])).await.map(drop)
    }

    fn exists(&mut self, bucket: Handle, key: String) -> KvResult<bool> {
        self.read(&bucket, |connection| ops::exists(connection, &key))
    }

    fn list_keys(&mut self, bucket: Handle, cursor: Option<u64>) -> KvResult<store::KeyResponse> {
        let page = self.read(&bucket, |connection| ops::list(connection, cursor))?;
        Ok(store::KeyResponse { keys: page.keys, cursor: page.cursor })
    }

    fn drop(&mut self, bucket: Handle) -> wasmtime::Result<()> {
        self.0.table().delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for KvView<'_> {
    async fn increment(&mut self, bucket: Handle, key: String, delta: u64) -> KvResult<u64> {
        match self.change(&bucket, Change::Increment { key, delta }).await? {
            Changed::Number(sum) => Ok(sum),
            Changed::Done => Err(StoreFault::NotANumber.into()),
        }
    }
}

impl batch::Host for KvView<'_> {
    fn get_many(&mut self, bucket: Handle, keys: Vec<String>) -> KvResult<ops::Found> {
        let most = self.0.template().limits().all.hostcall_fuel();
        self.read(&bucket, |connection| ops::get_many(connection, keys, most))
    }

    async fn set_many(&mut self, bucket: Handle, pairs: Vec<(String, Vec<u8>)>) -> KvResult<()> {
        self.change(&bucket, Change::Set(pairs)).await.map(drop)
    }

    async fn delete_many(&mut self, bucket: Handle, keys: Vec<String>) -> KvResult<()> {
        self.change(&bucket, Change::Delete(keys)).await.map(drop)
    }
}
