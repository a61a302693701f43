//! From a name to its addresses.

use std::net::IpAddr;
use std::time::Duration;

use hickory_resolver::net::{DnsError, NetError};
use tombolo_spec::grant::HostName;

use super::Network;

/// Addresses that are looked at for one name.
const ADDRESSES_MAX: usize = 32;

/// Why a name led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupError {
    #[error("there is no such name, or it has no address")]
    NotFound,
    #[error("no name server answered in time")]
    Timeout,
    #[error("{0}")]
    Failed(String),
}

impl Network {
    /// The addresses of a name, those of its aliases (CNAME) included, in the order the server gave them.
    ///
    /// A name with a dot is looked up as it is; only one without is tried in the search domains.
    pub(crate) async fn lookup(&self, name: &HostName, within: Duration) -> Result<Vec<IpAddr>, LookupError> {
        let resolver = self.resolver().ok_or_else(|| LookupError::Failed("no resolver".to_owned()))?;
        let text = if name.as_str().contains('.') { format!("{name}.") } else { name.to_string() };
        let answer = tokio::time::timeout(within, resolver.lookup_ip(text)).await;
        let answer = answer.map_err(|_| LookupError::Timeout)?.map_err(lookup_error)?;
        let addresses: Vec<IpAddr> = answer.iter().take(ADDRESSES_MAX).collect();
        if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) }
    }
}

fn lookup_error(error: NetError) -> LookupError {
    match error {
        NetError::Timeout => LookupError::Timeout,
        NetError::Dns(DnsError::NoRecordsFound(_)) => LookupError::NotFound,
        NetError::NoConnections => LookupError::Failed("no name server is known or reachable".to_owned()),
        error => LookupError::Failed(error.to_string()),
    }
}
