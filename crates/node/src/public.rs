//! Where everybody may ask: what `--listen` says.

use std::fmt;
use std::str::FromStr;

use tombolo_listen::{ListenAddress, ListenError};
use tombolo_spec::Name;

const TLS: &str = "https://";

/// A public listener: `127.0.0.1:8080`, `https://0.0.0.0:443`, `unix:/run/tombolo.sock` or `systemd`; with `=TENANT` for
/// one tenant alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// Where.
    pub address: ListenAddress,
    /// Whether TLS is spoken there.
    pub is_tls: bool,
    /// Whose alone it is.
    pub tenant: Option<Name>,
}

/// What `--listen` can't mean.
#[derive(Debug, thiserror::Error)]
pub enum PublicError {
    /// No address.
    #[error(transparent)]
    Address(#[from] ListenError),
    /// No tenant's name.
    #[error("{0:?} is no name of a tenant; write ADDRESS=TENANT")]
    Tenant(String),
}

impl FromStr for Public {
    type Err = PublicError;

    fn from_str(text: &str) -> Result<Public, PublicError> {
        let (address, tenant) = match text.rsplit_once('=') {
            Some((address, tenant)) => (address, Some(tenant)),
            None => (text, None),
        };
        let tenant = tenant.map(|name| name.parse().map_err(|_| PublicError::Tenant(name.to_owned())));
        let (is_tls, address) = match address.strip_prefix(TLS) {
            Some(address) => (true, address),
            None => (false, address),
        };
        Ok(Public { address: address.parse()?, is_tls, tenant: tenant.transpose()? })
    }
}

impl Public {
    /// How people write an address at which this one listens.
    pub(crate) fn at(&self, address: &impl fmt::Display) -> String {
        let tenant = self.tenant.as_ref().map_or(String::new(), |tenant| format!(" for {tenant}"));
        format!("{}{address}{tenant}", if self.is_tls { TLS } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_how_and_for_whom() {
        let public = |text: &str| text.parse::<Public>().map_err(|error| error.to_string());
        for (text, at) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("https://[::]:443", "https://[::]:443"),
            ("0.0.0.0:9000=acme", "0.0.0.0:9000 for acme"),
            ("https://0.0.0.0:443=acme", "https://0.0.0.0:443 for acme"),
        ] {
            let (address, _) = text.split_once('=').unwrap_or((text, ""));
            let public = public(text).expect("an address");
            assert_eq!(public.at(&address.trim_start_matches(TLS)), at);
        }
        assert!(public("0.0.0.0:80=Acme!").expect_err("no tenant").contains("Acme!"));
        assert!(public("http://0.0.0.0:80").expect_err("no address").contains("not an address"));
    }
}
