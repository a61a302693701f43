//! What a process knows of its network.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use rustls::pki_types::CertificateDer;
use tokio::runtime;
use tombolo_spec::grant::{HostPattern, Scheme};
use tombolo_spec::{Grant, GrantSet};

use super::own::OwnAddresses;

/// How a process resolves names and whom it trusts.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// DNS servers, asked over UDP and, for long answers, TCP.
    pub name_servers: Vec<SocketAddr>,
    /// Domains in which names without a dot are looked for.
    pub search: Vec<String>,
    /// A hosts file's text; asked before any server.
    pub hosts: String,
    /// How long one server may take for one answer.
    pub dns_timeout: Duration,
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

/// How long a DNS server may take before the next is asked.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
/// Resolvers of runtimes that are gone are dropped when there are more.
const RESOLVERS_MAX: usize = 64;

impl NetworkConfig {
    /// No name server, no hosts file, this machine's roots: only addresses can be reached.
    pub fn empty() -> NetworkConfig {
        NetworkConfig {
            name_servers: Vec::new(),
            search: Vec::new(),
            hosts: String::new(),
            dns_timeout: DNS_TIMEOUT,
            roots: Roots::System,
        }
    }

    /// What `/etc/resolv.conf` and `/etc/hosts` say. A file that is missing or says nothing leaves its part empty.
    pub fn system() -> NetworkConfig {
        let mut config = NetworkConfig::empty();
        if let Ok((resolver, _)) = system_conf::read_system_conf() {
            let port = |server: &NameServerConfig| server.connections.first().map_or(53, |udp| udp.port);
            let servers =
                resolver.name_servers().iter().map(|server| SocketAddr::new(server.ip, port(server)));
            config.name_servers = servers.collect();
            config.search = resolver.search().iter().map(Name::to_utf8).collect();
        }
        config.hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        config
    }
}

/// A process' network, shared by its functions.
pub struct Network {
    resolver: ResolverConfig,
    options: ResolverOpts,
    hosts: Arc<Hosts>,
    name_server_ports: Vec<u16>,
    pub(super) own: OwnAddresses,
    roots: Roots,
    tls: OnceLock<Arc<rustls::ClientConfig>>,
    /// One resolver for each runtime: its tasks and sockets live and die with the runtime.
    resolvers: Mutex<Vec<(runtime::Id, TokioResolver)>>,
}

impl Network {
    /// The network of `config`. Trusted certificates are read with [`Network::trust`].
    ///
    /// # Errors
    /// A hosts file that cannot be parsed.
    pub fn new(config: &NetworkConfig) -> io::Result<Network> {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(config.hosts.as_bytes())?;
        Ok(Network {
            resolver: resolver_config(config),
            options: options(config),
            hosts: Arc::new(hosts),
            name_server_ports: config.name_servers.iter().map(SocketAddr::port).collect(),
            own: OwnAddresses::new(),
            roots: config.roots.clone(),
            tls: OnceLock::new(),
            resolvers: Mutex::default(),
        })
    }

    /// The ports of its name servers, for the rules of the layers below; one for each server.
    pub fn name_server_ports(&self) -> &[u16] {
        &self.name_server_ports
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
        if needs_tls(grants) {
            network.trust();
        }
        Ok(network)
    }

    /// Reads the certificates of whom TLS trusts, if that has not been done yet; it takes a few milliseconds.
    pub fn trust(&self) {
        self.tls.get_or_init(|| super::tls::client_config(&self.roots));
    }

    /// Where name servers are, for the rules of the layers below.
    pub fn name_servers(&self) -> impl Iterator<Item = SocketAddr> {
        let servers = self.resolver.name_servers().iter();
        servers.flat_map(|server| server.connections.iter().map(|to| SocketAddr::new(server.ip, to.port)))
    }

    /// The settings of TLS, where they were prepared.
    pub(crate) fn tls(&self) -> Option<Arc<rustls::ClientConfig>> {
        self.tls.get().cloned()
    }

    /// The resolver of the runtime that the caller runs on.
    pub(super) fn resolver(&self) -> Option<TokioResolver> {
        let runtime = runtime::Handle::try_current().ok()?.id();
        let mut resolvers = self.resolvers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, resolver)) = resolvers.iter().find(|(of, _)| *of == runtime) {
            return Some(resolver.clone());
        }
        let resolver = self.build()?;
        if resolvers.len() >= RESOLVERS_MAX {
            resolvers.remove(0);
        }
        resolvers.push((runtime, resolver.clone()));
        Some(resolver)
    }

    fn build(&self) -> Option<TokioResolver> {
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(self.resolver.clone(), provider);
        let mut resolver = builder.with_options(self.options.clone()).build().ok()?;
        resolver.set_hosts(Arc::clone(&self.hosts));
        Some(resolver)
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
    let names = |host: &HostPattern| !matches!(host, HostPattern::Addresses(_));
    grants.iter().any(|(_, grant)| match grant {
        Grant::Http { url, .. } => names(&url.host),
        Grant::TcpConnect { host, .. } | Grant::UdpConnect { host, .. } => names(host),
        Grant::Dns { .. } => true,
        _ => false,
    })
}

fn needs_tls(grants: &GrantSet) -> bool {
    grants.iter().any(|(_, grant)| matches!(grant, Grant::Http { url, .. } if url.scheme == Scheme::Https))
}

fn resolver_config(config: &NetworkConfig) -> ResolverConfig {
    let servers = config.name_servers.iter().map(|server| {
        let at = |mut connection: ConnectionConfig| {
            connection.port = server.port();
            connection
        };
        NameServerConfig::new(
            server.ip(),
            true,
            vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())],
        )
    });
    let search = config.search.iter().filter_map(|domain| Name::from_utf8(domain).ok());
    ResolverConfig::from_parts(None, search.collect(), servers.collect())
}

fn options(config: &NetworkConfig) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = config.dns_timeout;
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = hickory_resolver::config::LookupIpStrategy::Ipv4AndIpv6;
    options.case_randomization = false;
    options
}
