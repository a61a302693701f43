//! Which addresses a request may reach, and the record of those it may not.

use std::net::IpAddr;

use tombolo_egress::{Admitted, Barred, Failed, LookupError, Outcome, admit, pattern};
use tombolo_spec::grant::Host;
use tombolo_spec::net::{self, Class};
use tombolo_spec::{Grant, GrantSet, Request};

use super::Network;
use crate::ledger::{Ledger, Reason, Refused};

/// A function's grants with all that decides about connections.
#[derive(Clone, Copy)]
pub(crate) struct NetPolicy<'a> {
    pub(crate) grants: &'a GrantSet,
    pub(crate) ledger: &'a Ledger,
    pub(crate) network: &'a Network,
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

    /// The grant by which `address` may be reached for this request. A refusal is recorded.
    pub(crate) fn admit(
        &self,
        address: IpAddr,
        request: &Request<'_>,
        is_own: impl FnOnce(IpAddr) -> bool,
    ) -> Option<Admitted> {
        let admitted = admit(self.grants, request, address, is_own);
        admitted.inspect_err(|barred| self.record(barred, request)).ok()
    }

    /// What came of an ask; what was left out on the way, what leads nowhere from here, and a way out that was
    /// interrupted, is recorded. `ask` makes the request for an address.
    pub(crate) fn recorded<'r, T>(
        &self,
        outcome: Outcome<T>,
        ask: impl Fn(Option<IpAddr>) -> Request<'r>,
    ) -> Result<T, Failed> {
        for barred in &outcome.barred {
            self.record(barred, &ask(Some(barred.address)));
        }
        if let Err(failed @ (Failed::Gone | Failed::Refused)) = &outcome.result {
            self.refuse(&ask(None), Reason::Machine(failed.to_string()), None);
        }
        if let Err(Failed::Lookup(error @ LookupError::Internal)) = &outcome.result {
            self.refuse(&ask(None), Reason::Host(error.to_string()), None);
        }
        outcome.result
    }

    /// Records a refusal under the grant that came closest.
    pub(crate) fn refuse(&self, request: &Request<'_>, reason: Reason, remedy: Option<String>) {
        let near = self.grants.iter().find(|(_, grant)| is_near(grant, request)).map(|(id, _)| id);
        self.ledger.refused(Refused { request: &request.to_string(), near, reason, remedy });
    }

    fn record(&self, barred: &Barred, request: &Request<'_>) {
        let reason = match barred.is_own {
            true => Reason::OwnAddress(barred.address),
            false => address_reason(barred.address),
        };
        self.refuse(request, reason, None);
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
