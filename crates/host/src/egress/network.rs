//! What a process knows of its network.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::pki_types::CertificateDer;
use tombolo_egress::{Broker, Direct, NameConfig, Way};
use tombolo_spec::grant::{HostPattern, Scheme};
use tombolo_spec::{Grant, GrantSet};

use crate::link::Sockets;

/// How a process resolves names and whom it trusts.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// How names are resolved.
    pub names: NameConfig,
    /// Whom TLS trusts.
    pub roots: Roots,
}

/// Certificate authorities that outgoing TLS trusts.
#[derive(Debug, Clone)]
pub enum Roots {
    /// This machine's; where it has none, Mozilla's as of the build.
    System,
    /// These alone.
    These(Vec<CertificateDer<'static>>),
}

impl NetworkConfig {
    /// No name server, no hosts file, this machine's roots: only addresses can be reached.
    pub fn empty() -> NetworkConfig {
        NetworkConfig { names: NameConfig::empty(), roots: Roots::System }
    }

    /// What `/etc/resolv.conf` and `/etc/hosts` say. A file that is missing or says nothing leaves its part empty.
    pub fn system() -> NetworkConfig {
        NetworkConfig { names: NameConfig::system(), roots: Roots::System }
    }
}

/// A process' network, shared by its functions.
pub struct Network {
    way: Way,
    roots: Roots,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Network {
    /// The network of `config`, to which this process connects itself. Trusted certificates are read with
    /// [`Network::trust`].
    ///
    /// # Errors
    /// A hosts file that cannot be parsed.
    pub fn new(config: &NetworkConfig) -> io::Result<Network> {
        let way = Way::Direct(Box::new(Direct::new(&config.names)?));
        Ok(Network { way, roots: config.roots.clone(), tls: OnceLock::new() })
    }

    /// The network of a process that has none: `broker` makes the connections and looks names up. TLS trusts this
    /// machine's roots.
    pub fn brokered(broker: Arc<Broker>) -> Network {
        Network { way: Way::Brokered(broker), roots: Roots::System, tls: OnceLock::new() }
    }

    /// Where the sockets of guests come from.
    pub fn sockets(&self) -> Sockets {
        match self.way {
            Way::Direct(_) => Sockets::Own,
            Way::Brokered(_) => Sockets::Given,
        }
    }

    /// The ports of its name servers, for the rules of the layers below; one for each server.
    pub fn name_server_ports(&self) -> &[u16] {
        match &self.way {
            Way::Direct(direct) => direct.names().server_ports(),
            Way::Brokered(_) => &[],
        }
    }

    /// What a function with these grants needs of this machine's network, read once in a process: name servers
    /// when a grant names a name, certificates when one says `https`. To be called before the process is locked
    /// down.
    ///
    /// # Errors
    /// A hosts file that cannot be parsed.
    pub fn for_grants(grants: &GrantSet) -> io::Result<Arc<Network>> {
        static NAMES: Mutex<Option<Arc<Network>>> = Mutex::new(None);
        static ADDRESSES: Mutex<Option<Arc<Network>>> = Mutex::new(None);
        let network = if needs_names(grants) {
            once(&NAMES, NetworkConfig::system)?
        } else {
            once(&ADDRESSES, NetworkConfig::empty)?
        };
        network.trust_for(grants);
        Ok(network)
    }

    /// Reads the certificates of whom TLS trusts, if a grant says `https` and that has not been done yet.
    pub(crate) fn trust_for(&self, grants: &GrantSet) {
        if needs_tls(grants) {
            self.trust();
        }
    }

    /// Reads the certificates of whom TLS trusts, if that has not been done yet; it takes a few milliseconds.
    pub fn trust(&self) {
        self.tls.get_or_init(|| super::tls::client_config(&self.roots));
    }

    /// The settings of TLS, where they were prepared.
    pub(crate) fn tls(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.tls.get().cloned()
    }

    /// How connections are made.
    pub(crate) fn way(&self) -> &Way {
        &self.way
    }

    /// Whether an address leads to this machine. Where a broker connects, it is the one that looks.
    pub(crate) fn is_own(&self, address: IpAddr) -> bool {
        match &self.way {
            Way::Direct(direct) => direct.is_own(address),
            Way::Brokered(_) => false,
        }
    }
}

fn once(place: &Mutex<Option<Arc<Network>>>, config: fn() -> NetworkConfig) -> io::Result<Arc<Network>> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(network) = place.as_ref() {
        return Ok(Arc::clone(network));
    }
    let network = Arc::new(Network::new(&config())?);
    *place = Some(Arc::clone(&network));
    Ok(network)
}

fn needs_names(grants: &GrantSet) -> bool {
    let names = |host: &HostPattern| !matches!(host, HostPattern::Addresses(_)) && !host.is_internal();
    grants.iter().any(|(_, grant)| match grant {
        Grant::Http { url, .. } => names(&url.host),
        Grant::TcpConnect { host, .. } | Grant::UdpConnect { host, .. } => names(host),
        Grant::Dns { pattern } => names(pattern),
        _ => false,
    })
}

fn needs_tls(grants: &GrantSet) -> bool {
    grants.iter().any(|(_, grant)| matches!(grant, Grant::Http { url, .. } if url.scheme == Scheme::Https))
}
