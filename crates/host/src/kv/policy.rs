//! Which stores a function may open, and how that is counted.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use tombolo_spec::{Access, Grant, GrantId, GrantSet, Request};

use super::error::{KvError, StoreFault};
use super::file::OpenStoreError;
use super::store::Store;
use crate::data::Data;
use crate::ledger::{Ledger, Reason, Refused};

/// A store of a function's grants.
pub struct GrantedStore {
    pub(crate) store: Arc<Store>,
    pub(crate) grant: GrantId,
    pub(crate) access: Access,
}

impl GrantedStore {
    /// The store's folder, for rules of the layers below.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.store.fd()
    }

    /// Whether the guest may change what is in it.
    pub fn writable(&self) -> bool {
        self.access == Access::ReadWrite
    }
}

/// The stores of a function.
#[derive(Default)]
pub(crate) struct Stores {
    pub(crate) list: Vec<GrantedStore>,
}

impl Stores {
    /// Makes the folders of the stores that grants name.
    pub(crate) fn prepare(grants: &GrantSet, data: Option<&Data>) -> Result<Stores, PrepareStoreError> {
        let mut list = Vec::new();
        for (id, grant) in grants.iter() {
            let Grant::Kv { store, access } = grant else { continue };
            let data = data.ok_or_else(|| PrepareStoreError::NoData { grant: id.text().to_owned() })?;
            list.push(GrantedStore {
                store: data.store(store.as_str())?,
                grant: id.clone(),
                access: *access,
            });
        }
        // Of two grants for one store, the one that gives more is found first.
        list.sort_by_key(|granted| std::cmp::Reverse(granted.access));
        Ok(Stores { list })
    }

    /// Opens the stores' files.
    pub(crate) fn open(&self, readers: usize) -> Result<(), OpenStoreError> {
        self.list.iter().try_for_each(|granted| granted.store.open(readers, granted.writable()))
    }

    /// The place of the store with this name; a refusal is recorded.
    pub(crate) fn find(&self, name: &str, ledger: &Ledger) -> Result<usize, KvError> {
        if let Some(place) = self.list.iter().position(|granted| granted.store.name() == name) {
            return Ok(place);
        }
        let request = Request::Kv { store: name, access: Access::Read };
        let remedy = request.narrowest().map(|grant| grant.to_string());
        let error = if remedy.is_some() { KvError::AccessDenied } else { KvError::NoSuchStore };
        let request = request.to_string();
        ledger.refused(Refused { request: &request, near: None, reason: Reason::NoGrant, remedy });
        Err(error)
    }
}

/// A store that a grant names and that cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareStoreError {
    /// There is no folder for data.
    #[error("grant {grant:?}: there is no folder for data; name one with --data, or set HOME")]
    NoData {
        /// The grant as it is written.
        grant: String,
    },
    #[error(transparent)]
    Open(#[from] OpenStoreError),
}

impl GrantedStore {
    /// Counts a use.
    pub(crate) fn used(&self, access: Access, ledger: &Ledger) {
        ledger.used_to(access, &self.grant);
    }

    /// Whether the guest may change the store; a refusal is recorded.
    pub(crate) fn may_write(&self, ledger: &Ledger) -> Result<(), KvError> {
        if self.writable() {
            return Ok(());
        }
        let remedy = self.request().narrowest().map(|grant| grant.to_string());
        self.refused(ledger, Reason::ReadOnly, remedy);
        Err(KvError::AccessDenied)
    }

    /// Tells the operator of a fault that the guest met.
    pub(crate) fn faulted(&self, ledger: &Ledger, fault: &StoreFault) {
        match fault {
            StoreFault::Limit { name, value } | StoreFault::TooMuch { name, value } => {
                let reason = Reason::Limit { name: name.name(), value: value.to_string() };
                self.refused(ledger, reason, None);
            }
            fault if fault.is_the_machines() => {
                self.refused(ledger, Reason::Machine(fault.to_string()), None);
            }
            _ => {}
        }
    }

    fn request(&self) -> Request<'_> {
        Request::Kv { store: self.store.name(), access: Access::ReadWrite }
    }

    fn refused(&self, ledger: &Ledger, reason: Reason, remedy: Option<String>) {
        let request = self.request().to_string();
        ledger.refused(Refused { request: &request, near: Some(&self.grant), reason, remedy });
    }
}
