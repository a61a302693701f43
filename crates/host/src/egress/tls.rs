//! Outgoing TLS.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use super::Roots;

/// TLS 1.2 and 1.3 for HTTP/2 and HTTP/1.1, trusting `roots`.
pub(super) fn client_config(roots: &Roots) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
    {
        Ok(builder) => builder.with_root_certificates(store(roots)).with_no_client_auth(),
        Err(error) => unreachable!("ring has the default protocol versions: {error}"),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn store(roots: &Roots) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::These(certificates) => {
            store.add_parsable_certificates(certificates.iter().cloned());
        }
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    store
}
