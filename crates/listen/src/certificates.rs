//! Certificates and keys, as files and as what is in them.

use std::path::{Path, PathBuf};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

/// One certificate chain and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// What [`TlsFiles`] hold.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsPems {
    /// Where it was read, for messages.
    pub files: TlsFiles,
    /// The chain, PEM.
    pub certificate: String,
    /// The private key, PEM.
    pub key: String,
}

/// Shows where a key is and not what it is.
impl std::fmt::Debug for TlsPems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPems").field("files", &self.files).finish_non_exhaustive()
    }
}

/// TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is not what it should be.
    #[error("TLS: {}: {problem}", file.display())]
    File {
        /// Which one.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The settings contradict each other.
    #[error("TLS: {0}")]
    Setting(#[from] rustls::Error),
}

impl TlsError {
    fn of(file: &Path, problem: impl ToString) -> TlsError {
        TlsError::File { file: file.into(), problem: problem.to_string() }
    }
}

impl TlsFiles {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError::File`].
    pub fn read(&self) -> Result<TlsPems, TlsError> {
        let read = |file: &PathBuf| {
            let bytes = std::fs::read(file).map_err(|error| TlsError::of(file, error))?;
            String::from_utf8(bytes).map_err(|_| TlsError::of(file, "it is not text; expected a PEM file"))
        };
        Ok(TlsPems { certificate: read(&self.certificate)?, key: read(&self.key)?, files: self.clone() })
    }
}

impl TlsPems {
    /// The key with its certificates, and the DNS names that they are for, in lower case.
    pub(crate) fn certified(&self) -> Result<(CertifiedKey, Vec<String>), TlsError> {
        let key = self.key()?;
        let of = |problem: &dyn ToString| TlsError::of(&self.files.certificate, problem.to_string());
        let own = key.end_entity_cert().map_err(|error| of(&error))?;
        let own = webpki::EndEntityCert::try_from(own).map_err(|error| of(&error))?;
        let names = own.valid_dns_names().map(str::to_ascii_lowercase).collect();
        Ok((key, names))
    }

    fn key(&self) -> Result<CertifiedKey, TlsError> {
        let TlsFiles { certificate, key } = &self.files;
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| TlsError::of(certificate, error))?;
        if chain.is_empty() {
            return Err(TlsError::of(certificate, "it holds no certificate; expected a PEM file"));
        }
        let private = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        let private = private.map_err(|error| TlsError::of(key, error))?;
        let private = ring::sign::any_supported_type(&private).map_err(|error| TlsError::of(key, error))?;
        let certified = CertifiedKey::new(chain, private);
        let fits = certified.keys_match();
        fits.map_err(|error| TlsError::of(key, format!("it does not fit the certificate: {error}")))?;
        Ok(certified)
    }
}
