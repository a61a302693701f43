//! Where traces go, and what of the network it takes to get there.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::dns::Name;
use tombolo_egress::{NameConfig, Names};
use tombolo_sandbox::{Network, Policy};
use tombolo_spec::grant::Host;
use tower_service::Service;

/// How long the collector's name may be looked up.
const LOOKUP_TIME: Duration = Duration::from_secs(10);

/// The address of a collector's OTLP/HTTP endpoint, without `/v1/traces`.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    uri: Uri,
    host: Host,
}

impl std::str::FromStr for Collector {
    type Err = String;

    fn from_str(text: &str) -> Result<Collector, String> {
        let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
        match (uri.scheme_str(), uri.host().map(str::parse), uri.query()) {
            (Some("http"), Some(Ok(host)), None) => Ok(Collector { uri, host }),
            _ => Err(
                "write http://HOST:PORT, such as http://127.0.0.1:4318; for TLS, send to a local collector"
                    .into(),
            ),
        }
    }
}

impl Collector {
    /// As it was written.
    pub(super) fn text(&self) -> String {
        self.uri.to_string()
    }

    /// Where traces are posted to.
    pub(super) fn traces(&self) -> String {
        format!("{}/v1/traces", self.text().trim_end_matches('/'))
    }

    /// Its port, and what its name needs: nothing where it is an address.
    pub(super) fn policy(&self, lookup: &Lookup) -> Policy<'static> {
        let is_name = matches!(self.host, Host::Name(_));
        let servers = lookup.0.server_ports().iter().filter(|_| is_name);
        let connect = servers.copied().chain([self.uri.port_u16().unwrap_or(80)]).collect();
        Policy {
            network: Network::Tcp { connect, bind: Vec::new(), any: false },
            udp: is_name,
            ..Policy::default()
        }
    }
}

/// Looks up names with what `/etc/resolv.conf` and `/etc/hosts` said when it was made: it opens no file later.
#[derive(Clone)]
pub(super) struct Lookup(Arc<Names>);

impl Lookup {
    pub(super) fn new() -> io::Result<Lookup> {
        let config = NameConfig::system();
        // A hosts file that nobody can read is none.
        let names =
            Names::new(&config).or_else(|_| Names::new(&NameConfig { hosts: String::new(), ..config }))?;
        Ok(Lookup(Arc::new(names)))
    }
}

impl Service<Name> for Lookup {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = Arc::clone(&self.0);
        Box::pin(async move {
            let name = name.as_str().parse().map_err(io::Error::other)?;
            let found = names.lookup(&name, LOOKUP_TIME).await.map_err(io::Error::other)?;
            let addresses: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_its_port_and_no_lookup() {
        let lookup = Lookup::new().expect("names");
        for (text, port) in
            [("http://127.0.0.1:4318", 4318), ("http://[::1]:4318/x", 4318), ("http://10.0.0.1", 80)]
        {
            let policy = text.parse::<Collector>().expect("a collector").policy(&lookup);
            assert_eq!(policy.network, Network::Tcp { connect: vec![port], bind: Vec::new(), any: false });
            assert!(!policy.udp && policy.files.is_empty());
        }
        assert!("http://collector:4318".parse::<Collector>().expect("a collector").policy(&lookup).udp);
    }

    #[test]
    fn what_is_no_collector_is_told() {
        for text in ["127.0.0.1:4318", "https://a.example", "http://a.example/?x", "http:///x", "http://*"] {
            assert!(text.parse::<Collector>().is_err(), "{text}");
        }
    }
}
