//! TLS: certificates by server name, replaced while serving.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// One certificate chain and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// What [`TlsFiles`] hold.
#[derive(Clone)]
pub struct TlsPems {
    /// Where it was read, for messages.
    pub files: TlsFiles,
    /// The chain, PEM.
    pub certificate: Vec<u8>,
    /// The private key, PEM.
    pub key: Vec<u8>,
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn read(&self) -> Result<TlsPems, TlsError> {
        let read = |file: &PathBuf| {
            std::fs::read(file)
                .map_err(|error| TlsError::File { file: file.clone(), problem: error.to_string() })
        };
        Ok(TlsPems { certificate: read(&self.certificate)?, key: read(&self.key)?, files: self.clone() })
    }
}

/// TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("TLS: {}: {problem}", file.display())]
    File { file: PathBuf, problem: String },
    /// The settings contradict each other.
    #[error("TLS: {0}")]
    Setting(#[from] rustls::Error),
}

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

    pub(super) async fn accept<T>(&self, stream: T) -> io::Result<tokio_rustls::server::TlsStream<T>>
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
            let key = Arc::new(certified_key(pem)?);
            for name in names(&pem.files.certificate, &key)? {
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

/// The DNS names that a certificate is for.
fn names(file: &Path, key: &CertifiedKey) -> Result<Vec<String>, TlsError> {
    let problem = |problem: String| TlsError::File { file: file.into(), problem };
    let own = key.end_entity_cert().map_err(|error| problem(error.to_string()))?;
    let own = webpki::EndEntityCert::try_from(own).map_err(|error| problem(error.to_string()))?;
    Ok(own.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

fn certified_key(pem: &TlsPems) -> Result<CertifiedKey, TlsError> {
    let (certificate, key) = (&pem.files.certificate, &pem.files.key);
    let problem = |file: &Path, problem: String| TlsError::File { file: file.into(), problem };
    let chain = CertificateDer::pem_slice_iter(&pem.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| problem(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(problem(certificate, "it holds no certificate; expected a PEM file".into()));
    }
    let key_der = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|error| problem(key, error.to_string()))?;
    let signing =
        ring::sign::any_supported_type(&key_der).map_err(|error| problem(key, error.to_string()))?;
    let certified = CertifiedKey::new(chain, signing);
    certified
        .keys_match()
        .map_err(|error| problem(key, format!("it does not fit the certificate: {error}")))?;
    Ok(certified)
}
