//! The way out: read from this machine's configuration while its files can still be opened.

use std::sync::Arc;

use anyhow::Context;
use tombolo_host::{Network, NetworkConfig};
use tombolo_spec::grant::Scheme;
use tombolo_spec::{Grant, GrantSet};

/// What programs with these grants need to reach the network; nothing when no grant does.
///
/// # Errors
/// `/etc/hosts` cannot be parsed.
pub(crate) fn network(grants: &GrantSet) -> anyhow::Result<Option<Arc<Network>>> {
    if !tombolo_cell::needs_network(grants) {
        return Ok(None);
    }
    let network =
        Network::new(&NetworkConfig::system(), needs_tls(grants)).context("/etc/hosts cannot be read")?;
    Ok(Some(Arc::new(network)))
}

/// Certificates are read only where a grant can use them: it takes a few milliseconds.
fn needs_tls(grants: &GrantSet) -> bool {
    grants.iter().any(|(_, grant)| matches!(grant, Grant::Http { url, .. } if url.scheme == Scheme::Https))
}
