//! TLS: certificates by server name, replaced while serving.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{TlsError, TlsPems};

/// Offers TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1. Clones share the certificates.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
}

impl Tls {
    /// TLS with these certificates: each for the names that stand in it, the first also for all other names and for
    /// clients that give none.
    ///
    /// # Errors
    /// [`TlsError`], naming the file.
    pub fn load(pems: &[TlsPems]) -> Result<Tls, TlsError> {
        let certificates = Arc::new(Certificates(ArcSwap::from_pointee(Set::load(pems)?)));
        let resolver: Arc<dyn ResolvesServerCert> = certificates.clone();
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }

    /// Takes new certificates for the connections to come. Opens nothing. What was loaded stays if they are no good.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self, pems: &[TlsPems]) -> Result<(), TlsError> {
        self.certificates.0.store(Arc::new(Set::load(pems)?));
        Ok(())
    }

    /// Speaks the first words with a client.
    ///
    /// # Errors
    /// When the client does not speak TLS, or not with us. How long it takes is up to the client.
    pub async fn accept<T>(&self, stream: T) -> io::Result<TlsStream<T>>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }
}

#[derive(Debug)]
struct Certificates(ArcSwap<Set>);

#[derive(Debug, Default)]
struct Set {
    /// By the names in the certificates, in lower case.
    by_name: HashMap<String, Arc<CertifiedKey>>,
    /// The first.
    fallback: Option<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().find(hello.server_name())
    }
}

impl Set {
    fn load(pems: &[TlsPems]) -> Result<Set, TlsError> {
        let mut set = Set::default();
        for pem in pems {
            let (key, names) = pem.certified()?;
            let key = Arc::new(key);
            for name in names {
                set.by_name.entry(name).or_insert_with(|| Arc::clone(&key));
            }
            set.fallback.get_or_insert(key);
        }
        Ok(set)
    }

    /// The certificate of this very name, else of a wildcard in the place of its first label (RFC 9525, section 6.3).
    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wild = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
            self.by_name.get(&name).or_else(wild)
        });
        named.or(self.fallback.as_ref()).cloned()
    }
}
