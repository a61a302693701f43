//! Where everybody may ask: what `--listen` says.

use std::fmt;
use std::str::FromStr;

use tombolo_listen::{ListenAddress, ListenError};

const TLS: &str = "https://";

/// A public listener: `127.0.0.1:8080`, `https://0.0.0.0:443`, `unix:/run/tombolo.sock` or `systemd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// Where.
    pub address: ListenAddress,
    /// Whether TLS is spoken there.
    pub is_tls: bool,
}

impl FromStr for Public {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Public, ListenError> {
        let (is_tls, address) = match text.strip_prefix(TLS) {
            Some(address) => (true, address),
            None => (false, text),
        };
        Ok(Public { address: address.parse()?, is_tls })
    }
}

impl Public {
    /// How people write an address at which this one listens.
    pub(crate) fn at(&self, address: &impl fmt::Display) -> String {
        format!("{}{address}", if self.is_tls { TLS } else { "" })
    }
}
