//! Which addresses a request may reach: one decision for guests that connect from their own process, and for those
//! whose connections are made elsewhere.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tombolo_spec::grant::{HostName, HostPattern};
use tombolo_spec::{Grant, GrantId, GrantSet, Request};

/// An address that may be reached, and the grant that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The address.
    pub address: IpAddr,
    /// Whether it leads to this machine.
    pub is_own: bool,
    /// The grant.
    pub grant: GrantId,
}

/// An address that may not be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    /// The address.
    pub address: IpAddr,
    /// True if a grant would reach it, were it not this machine's own.
    pub is_own: bool,
}

/// The grant by which `address` may be reached for this request. `is_own` is asked only about what a grant permits.
///
/// # Errors
/// [`Barred`] where none does: then nothing may be sent there.
pub fn admit(
    grants: &GrantSet,
    request: &Request<'_>,
    address: IpAddr,
    is_own: impl FnOnce(IpAddr) -> bool,
) -> Result<Admitted, Barred> {
    let Some(grant) = grants.find(request) else { return Err(Barred { address, is_own: false }) };
    let is_own = is_own(address);
    let grant = if is_own { grant_by_address(grants, request) } else { Some(grant) };
    match grant {
        Some(grant) => Ok(Admitted { address, is_own, grant: grant.clone() }),
        None => Err(Barred { address, is_own }),
    }
}

/// Divides what a name led to into what a guest may be told, and what not.
pub(crate) fn tellable(name: &HostName, addresses: Vec<IpAddr>) -> (Vec<IpAddr>, Vec<Barred>) {
    let (told, not): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| name.may_resolve_to(*address));
    (told, not.into_iter().map(|address| Barred { address, is_own: false }).collect())
}

/// Whether any grant needs a network.
pub fn needs_network(grants: &GrantSet) -> bool {
    grants.iter().any(|(_, grant)| {
        matches!(
            grant,
            Grant::Http { .. }
                | Grant::TcpConnect { .. }
                | Grant::ListenTcp { .. }
                | Grant::UdpConnect { .. }
                | Grant::Dns { .. }
        )
    })
}

/// The host that a grant names.
pub fn pattern(grant: &Grant) -> Option<&HostPattern> {
    match grant {
        Grant::Http { url, .. } => Some(&url.host),
        Grant::TcpConnect { host, .. } | Grant::UdpConnect { host, .. } => Some(host),
        Grant::Dns { pattern } => Some(pattern),
        _ => None,
    }
}

/// The grant that permits the request and names its address: only such a one means this machine.
fn grant_by_address<'a>(grants: &'a GrantSet, request: &Request<'_>) -> Option<&'a GrantId> {
    let by_address = |grant: &Grant| matches!(pattern(grant), Some(HostPattern::Addresses(_)));
    let mut grants = grants.iter().filter(|(_, grant)| by_address(grant));
    grants.find(|(_, grant)| grant.permits(request)).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(lines: &[&str]) -> GrantSet {
        lines.iter().map(|line| line.parse::<Grant>().expect("a grant")).collect()
    }

    /// What comes of connecting to an address of `api.example.com` by HTTP.
    #[track_caller]
    fn check(lines: &[&str], address: &str, own: &str, expected: Result<&str, bool>) {
        let address: IpAddr = address.parse().expect("an address");
        let request = Request::Http {
            method: "GET",
            scheme: tombolo_spec::grant::Scheme::Http,
            host: "api.example.com",
            addr: Some(address),
            port: 80,
            path: "/",
        };
        let admitted = admit(&grants(lines), &request, address, |asked| asked.to_string() == own);
        let got = admitted.as_ref().map(|admitted| admitted.grant.text()).map_err(|barred| barred.is_own);
        assert_eq!(got, expected, "{address} under {lines:?}");
    }

    #[test]
    fn an_address_needs_a_grant_that_reaches_it_and_an_own_one_a_grant_that_names_it() {
        let name = "http GET http://api.example.com/*";
        check(&[name], "8.8.8.8", "none", Ok(name));
        check(&[name], "2606:4700::1", "none", Ok(name));
        check(&[name], "10.0.0.1", "none", Err(false));
        check(&[name], "169.254.169.254", "none", Err(false));
        check(&[name], "::ffff:10.0.0.1", "none", Err(false));
        check(&[name], "8.8.8.8", "8.8.8.8", Err(true));
        check(&["tcp connect *:80"], "8.8.8.8", "none", Err(false));
    }

    #[test]
    fn a_public_name_does_not_tell_a_private_address() {
        let name: HostName = "mixed.example.com".parse().expect("a name");
        let (public, private) = (IpAddr::from([8, 8, 4, 4]), IpAddr::from([10, 0, 0, 1]));
        let (told, barred) = tellable(&name, vec![private, public]);
        assert_eq!((told, barred), (vec![public], vec![Barred { address: private, is_own: false }]));
    }
}
