//! What one instance did on the network so far.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tombolo_egress::Asker;
use tombolo_spec::grant::HostName;
use tombolo_spec::{ByteSize, LimitName, LimitValue};

use super::NetPolicy;
use crate::ledger::{Reason, Refused};
use crate::template::Template;

/// Names, and peers of datagrams, that are kept in mind for one instance.
const NAMES_MAX: usize = 1024;

/// One instance's network: made with its first request.
pub(crate) struct InstanceNet {
    template: Arc<Template>,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// Which addresses the guest was told for which name: a connection to one of them is to that name.
    told: Mutex<Vec<(HostName, IpAddr)>>,
    /// Where datagrams went.
    peers: Mutex<Vec<SocketAddr>>,
}

/// A limit on what leaves or enters was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverLimit {
    /// The limit's value.
    pub(crate) value: u64,
}

impl InstanceNet {
    pub(crate) fn new(template: Arc<Template>) -> InstanceNet {
        InstanceNet {
            template,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            told: Mutex::default(),
            peers: Mutex::default(),
        }
    }

    pub(crate) fn template(&self) -> &Arc<Template> {
        &self.template
    }

    pub(crate) fn policy(&self) -> NetPolicy<'_> {
        self.template.net_policy()
    }

    /// The function, to the way out.
    pub(crate) fn asker(&self, within: Duration) -> Asker<'_> {
        Asker { function: self.template.ledger().function(), grants: self.template.grants(), within }
    }

    /// Takes one request, connection or lookup off what the instance may still make.
    pub(crate) fn spend_request(&self, request: &str) -> Result<(), OverLimit> {
        let limit = self.template.limits().outbound_requests;
        let spent = self.requests.fetch_add(1, Ordering::Relaxed);
        if spent < limit {
            return Ok(());
        }
        self.refuse(request, LimitName::OutboundRequests, LimitValue::Count(limit));
        Err(OverLimit { value: limit })
    }

    /// Takes bytes, sent or received, off what the instance may still transfer.
    pub(crate) fn spend_bytes(&self, bytes: usize, request: &str) -> Result<(), OverLimit> {
        let limit = self.template.limits().outbound_bytes;
        let before = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before.saturating_add(bytes as u64) <= limit {
            return Ok(());
        }
        self.refuse(request, LimitName::OutboundBytes, LimitValue::Bytes(ByteSize(limit)));
        Err(OverLimit { value: limit })
    }

    /// Remembers what the guest was told a name leads to.
    pub(crate) fn tell(&self, name: &HostName, addresses: &[IpAddr]) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            if told.len() < NAMES_MAX && !told.iter().any(|known| known.0 == *name && known.1 == *address) {
                told.push((name.clone(), *address));
            }
        }
    }

    /// The names for which the guest was told this address.
    pub(crate) fn names_of(&self, address: IpAddr) -> Vec<HostName> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(_, told)| *told == address).map(|(name, _)| name.clone()).collect()
    }

    /// True for the first datagram to an address, which counts as a request of its own.
    pub(crate) fn first_datagram(&self, address: SocketAddr) -> bool {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.contains(&address) {
            return false;
        }
        if peers.len() < NAMES_MAX {
            peers.push(address);
        }
        true
    }

    fn refuse(&self, request: &str, name: LimitName, value: LimitValue) {
        let reason = Reason::Limit { name: name.name(), value: value.to_string() };
        self.template.ledger().refused(Refused { request, near: None, reason, remedy: None });
    }
}
