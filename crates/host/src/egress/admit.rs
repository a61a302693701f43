//! Which addresses a request may reach.

use std::net::IpAddr;

use tombolo_spec::grant::{Host, HostName, HostPattern};
use tombolo_spec::net::{self, Class};
use tombolo_spec::{Grant, GrantId, GrantSet, Request};

use super::Network;
use crate::ledger::{Ledger, Reason, Refused};

/// A function's grants with all that decides about connections.
#[derive(Clone, Copy)]
pub(crate) struct NetPolicy<'a> {
    pub(crate) grants: &'a GrantSet,
    pub(crate) ledger: &'a Ledger,
    pub(crate) network: &'a Network,
}

/// An address that may be reached, and the grant that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) address: IpAddr,
    pub(crate) grant: GrantId,
}

impl NetPolicy<'_> {
    /// Whether any grant names the request, before anything is looked up. A refusal is recorded.
    pub(crate) fn named(&self, request: &Request<'_>, host: &Host) -> bool {
        if self.grants.permits(request) {
            return true;
        }
        let reason = match host {
            Host::Address(address) => address_reason(*address),
            Host::Name(_) => Reason::NoGrant,
        };
        self.refuse(request, reason, grant_line(request));
        false
    }

    /// Those of `addresses` that may be reached, in their order. `ask` makes the request for one of them; each
    /// refusal is recorded.
    pub(crate) fn admit<'r>(
        &self,
        addresses: &[IpAddr],
        ask: impl Fn(IpAddr) -> Request<'r>,
    ) -> Vec<Admitted> {
        addresses.iter().filter_map(|address| self.admit_one(*address, &ask(*address))).collect()
    }

    /// The grant by which `address` may be reached for this request.
    pub(crate) fn admit_one(&self, address: IpAddr, request: &Request<'_>) -> Option<Admitted> {
        let Some(grant) = self.grants.find(request) else {
            self.refuse(request, address_reason(address), None);
            return None;
        };
        if self.is_own(address, grant) {
            self.refuse(request, Reason::OwnAddress(address), None);
            return None;
        }
        Some(Admitted { address, grant: grant.clone() })
    }

    /// The addresses of a name that a guest may be told.
    pub(crate) fn tell(&self, name: &HostName, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let request = Request::Resolve { name: name.as_str() };
        let may = |address: &IpAddr| {
            let may = name.may_resolve_to(*address);
            if !may {
                self.refuse(&request, address_reason(*address), None);
            }
            may
        };
        addresses.into_iter().filter(may).collect()
    }

    /// Records a refusal under the grant that came closest.
    pub(crate) fn refuse(&self, request: &Request<'_>, reason: Reason, remedy: Option<String>) {
        let near = self.grants.iter().find(|(_, grant)| is_near(grant, request)).map(|(id, _)| id);
        self.ledger.refused(Refused { request: &request.to_string(), near, reason, remedy });
    }

    /// A public address that is this machine's own reaches what listens here behind every firewall. Only a grant
    /// that names the address means it.
    fn is_own(&self, address: IpAddr, grant: &GrantId) -> bool {
        if !net::is_public(address) {
            return false;
        }
        let named = self.grants.get(grant.index()).and_then(|(_, grant)| pattern(grant));
        !matches!(named, Some(HostPattern::Addresses(_))) && self.leads_here(address)
    }

    /// Also by a translator on the way, to which the address stands for one of this machine.
    fn leads_here(&self, address: IpAddr) -> bool {
        let own = &self.network.own;
        own.contains(address) || net::readings(address).any(|reading| own.contains(reading))
    }
}

fn address_reason(address: IpAddr) -> Reason {
    match net::classify(address) {
        Class::Public => Reason::NoGrant,
        class => Reason::Address { address, class },
    }
}

/// The smallest grant that names a request, in its canonical form; `None` where no grant can.
pub(crate) fn grant_line(request: &Request<'_>) -> Option<String> {
    let text = request.to_string();
    let line = text.split(" at ").next().unwrap_or(&text);
    line.parse::<Grant>().ok().map(|grant| grant.to_string())
}

/// Whether a grant is of the request's kind and names its host: then only method, port or path was wrong.
fn is_near(grant: &Grant, request: &Request<'_>) -> bool {
    let host = match (grant, request) {
        (Grant::Http { .. }, Request::Http { host, .. }) => Some(*host),
        (Grant::TcpConnect { .. }, Request::TcpConnect { host, .. })
        | (Grant::UdpConnect { .. }, Request::UdpConnect { host, .. }) => *host,
        (Grant::Dns { .. }, Request::Resolve { name }) => Some(*name),
        _ => None,
    };
    let Some(Ok(Host::Name(name))) = host.map(str::parse) else { return false };
    pattern(grant).is_some_and(|pattern| pattern.names(&name))
}

fn pattern(grant: &Grant) -> Option<&HostPattern> {
    match grant {
        Grant::Http { url, .. } => Some(&url.host),
        Grant::TcpConnect { host, .. } | Grant::UdpConnect { host, .. } => Some(host),
        Grant::Dns { pattern } => Some(pattern),
        _ => None,
    }
}
