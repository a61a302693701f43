//! Which names a guest may look up, and what it is told.

use std::net::IpAddr;

use tombolo_egress::{Failed as Unmet, LookupError};
use tombolo_spec::Request;
use tombolo_spec::grant::Host;

use crate::egress::InstanceNet;
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
    let asker = net.asker(template.limits().connect_time);
    let outcome = template.network().way().resolve(asker, &host).await;
    let told = policy.recorded(outcome, |_| request).map_err(failed)?;
    net.tell(&host, &told);
    Ok(told)
}

fn failed(unmet: Unmet) -> Failed {
    match unmet {
        Unmet::Lookup(LookupError::NotFound) => Failed::NotFound,
        Unmet::Refused | Unmet::Barred | Unmet::Lookup(LookupError::Internal) => Failed::Denied,
        Unmet::Lookup(_) | Unmet::Io(_) | Unmet::Gone | Unmet::TooLong => Failed::Temporary,
    }
}
