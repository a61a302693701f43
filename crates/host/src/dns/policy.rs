//! Which names a guest may look up, and what it is told.

use std::net::IpAddr;

use tombolo_spec::Request;
use tombolo_spec::grant::Host;

use crate::egress::{InstanceNet, LookupError};
use crate::ledger::{Reason, Refused};

/// Why a name was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// It is not a name, or one that programs read differently.
    Invalid,
    /// No grant names it, none of its addresses may be reached, or too much was asked already.
    Denied,
    /// There is no such name.
    NotFound,
    /// The name servers do not answer now.
    Temporary,
}

/// The addresses of a name, as far as the guest may know them.
pub(super) async fn lookup(net: &InstanceNet, name: &str) -> Result<Vec<IpAddr>, Failed> {
    let host = match name.parse::<Host>() {
        Ok(Host::Address(address)) => return Ok(vec![address]),
        Ok(Host::Name(host)) => host,
        Err(error) => {
            let request = format!("dns {}", name.escape_debug());
            let reason = Reason::Host(error.to_string());
            net.policy().ledger.refused(Refused { request: &request, near: None, reason, remedy: None });
            return Err(Failed::Invalid);
        }
    };
    let request = Request::Resolve { name: host.as_str() };
    let policy = net.policy();
    if !policy.named(&request, &Host::Name(host.clone())) {
        return Err(Failed::Denied);
    }
    net.spend_request(&request.to_string()).map_err(|_| Failed::Denied)?;
    if let Some(grant) = policy.grants.find(&request) {
        policy.ledger.used_for(&request, grant);
    }
    let template = net.template();
    let found = template.network().lookup(&host, template.limits().connect_time).await.map_err(failed)?;
    let told = policy.tell(&host, found);
    net.tell(&host, &told);
    if told.is_empty() { Err(Failed::Denied) } else { Ok(told) }
}

fn failed(error: LookupError) -> Failed {
    match error {
        LookupError::NotFound => Failed::NotFound,
        LookupError::Timeout | LookupError::Failed(_) => Failed::Temporary,
    }
}
