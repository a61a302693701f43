//! From a name to its addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Hosts, TokioResolver};
use serde::{Deserialize, Serialize};
use tokio::runtime;
use tombolo_spec::grant::HostName;

use crate::files::NameFiles;

/// How names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConfig {
    /// DNS servers, asked over UDP and, for long answers, TCP.
    pub servers: Vec<SocketAddr>,
    /// Domains in which names without a dot are looked for.
    pub search: Vec<String>,
    /// A hosts file's text; asked before any server.
    pub hosts: String,
    /// How long one server may take for one answer.
    pub timeout: Duration,
}

/// How long a DNS server may take before the next is asked.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
/// Resolvers of runtimes that are gone are dropped when there are more.
const RESOLVERS_MAX: usize = 64;
/// Addresses that are looked at for one name.
const ADDRESSES_MAX: usize = 32;

impl NameConfig {
    /// No name server, no hosts file: only addresses can be reached.
    pub fn empty() -> NameConfig {
        NameConfig { servers: Vec::new(), search: Vec::new(), hosts: String::new(), timeout: DNS_TIMEOUT }
    }

    /// What `/etc/resolv.conf` and `/etc/hosts` say now.
    pub fn system() -> NameConfig {
        NameFiles::open().read()
    }
}

/// Why a name led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum LookupError {
    /// A server said so.
    #[error("there is no such name, or it has no address")]
    NotFound,
    /// None said anything.
    #[error("no name server answered in time")]
    Timeout,
    /// Nobody was asked: the name means an app of a node.
    #[error(
        "names that end in .internal are apps of a node, called by http from its other apps; none is looked up"
    )]
    Internal,
    /// Something else, in words.
    #[error("{0}")]
    Failed(String),
}

/// Looks names up.
pub struct Names {
    ports: Vec<u16>,
    known: Mutex<Known>,
}

/// How names are resolved now.
struct Known {
    config: ResolverConfig,
    options: ResolverOpts,
    hosts: Arc<Hosts>,
    /// One resolver for each runtime: its tasks and sockets live and die with the runtime.
    resolvers: Vec<(runtime::Id, TokioResolver)>,
}

impl Names {
    /// # Errors
    /// A hosts file that cannot be parsed.
    pub fn new(config: &NameConfig) -> io::Result<Names> {
        let ports = config.servers.iter().map(SocketAddr::port).collect();
        Ok(Names { ports, known: Mutex::new(Known::new(config)?) })
    }

    /// From now on names are resolved like this; lookups that have begun come to their end as they began.
    ///
    /// # Errors
    /// A hosts file that cannot be parsed; nothing changes then.
    pub fn replace(&self, config: &NameConfig) -> io::Result<()> {
        *self.known() = Known::new(config)?;
        Ok(())
    }

    /// The ports of the first name servers, for the rules of the layers below; one for each server.
    pub fn server_ports(&self) -> &[u16] {
        &self.ports
    }

    /// The addresses of a name, those of its aliases (CNAME) included, in the order the server gave them.
    ///
    /// A name with a dot is looked up as it is; only one without is tried in the search domains. One that ends in
    /// `.internal` is looked up nowhere, whoever asks: no name server learns which apps there are.
    ///
    /// # Errors
    /// [`LookupError`].
    pub async fn lookup(&self, name: &HostName, within: Duration) -> Result<Vec<IpAddr>, LookupError> {
        if name.is_internal() {
            return Err(LookupError::Internal);
        }
        let resolver =
            self.known().resolver().ok_or_else(|| LookupError::Failed("no resolver".to_owned()))?;
        let text = if name.as_str().contains('.') { format!("{name}.") } else { name.to_string() };
        let answer = tokio::time::timeout(within, resolver.lookup_ip(text)).await;
        let answer = answer.map_err(|_| LookupError::Timeout)?.map_err(lookup_error)?;
        let addresses: Vec<IpAddr> = answer.iter().take(ADDRESSES_MAX).collect();
        if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn new(config: &NameConfig) -> io::Result<Known> {
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(config.hosts.as_bytes())?;
        let (hosts, resolvers) = (Arc::new(hosts), Vec::new());
        Ok(Known { config: resolver_config(config), options: options(config), hosts, resolvers })
    }

    /// The resolver of the runtime that the caller runs on.
    fn resolver(&mut self) -> Option<TokioResolver> {
        let runtime = runtime::Handle::try_current().ok()?.id();
        if let Some((_, resolver)) = self.resolvers.iter().find(|(of, _)| *of == runtime) {
            return Some(resolver.clone());
        }
        let resolver = self.build()?;
        if self.resolvers.len() >= RESOLVERS_MAX {
            self.resolvers.remove(0);
        }
        self.resolvers.push((runtime, resolver.clone()));
        Some(resolver)
    }

    fn build(&self) -> Option<TokioResolver> {
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(self.config.clone(), provider);
        let mut resolver = builder.with_options(self.options.clone()).build().ok()?;
        resolver.set_hosts(Arc::clone(&self.hosts));
        Some(resolver)
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

fn resolver_config(config: &NameConfig) -> ResolverConfig {
    let servers = config.servers.iter().map(|server| {
        let at = |mut connection: ConnectionConfig| {
            connection.port = server.port();
            connection
        };
        let both = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
        NameServerConfig::new(server.ip(), true, both)
    });
    let search = config.search.iter().filter_map(|domain| Name::from_utf8(domain).ok());
    ResolverConfig::from_parts(None, search.collect(), servers.collect())
}

fn options(config: &NameConfig) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = config.timeout;
    options.attempts = 2;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.case_randomization = false;
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_hosts_file_is_asked_before_any_server() {
        let hosts = "10.1.2.3 db.home.arpa db # local\n".to_owned();
        let names = Names::new(&NameConfig { hosts, ..NameConfig::empty() }).expect("names");
        for name in ["db.home.arpa", "db"] {
            let found = names.lookup(&name.parse().expect("a name"), Duration::from_secs(5)).await;
            assert_eq!(found, Ok(vec![IpAddr::from([10, 1, 2, 3])]));
        }
        let hosts = "10.9.9.9 db.home.arpa\n".to_owned();
        names.replace(&NameConfig { hosts, ..NameConfig::empty() }).expect("a hosts file");
        let found = names.lookup(&"db.home.arpa".parse().expect("a name"), Duration::from_secs(5)).await;
        assert_eq!(found, Ok(vec![IpAddr::from([10, 9, 9, 9])]));
        let found = names.lookup(&"other.home.arpa".parse().expect("a name"), Duration::from_secs(5)).await;
        assert!(found.is_err(), "there is no server: {found:?}");
    }

    #[tokio::test]
    async fn an_internal_name_is_looked_up_nowhere() {
        let hosts = "10.1.2.3 billing.internal billing.acme.internal internal\n".to_owned();
        let names = Names::new(&NameConfig { hosts, ..NameConfig::empty() }).expect("names");
        for name in ["billing.internal", "Billing.Acme.INTERNAL.", "a.b.c.internal", "internal"] {
            let found = names.lookup(&name.parse().expect("a name"), Duration::from_secs(5)).await;
            assert_eq!(found, Err(LookupError::Internal), "{name}");
        }
    }
}
