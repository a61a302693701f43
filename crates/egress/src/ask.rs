//! What can be asked for, and what comes of it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use tombolo_spec::Request;
use tombolo_spec::grant::Scheme;

use crate::check::Barred;
use crate::names::LookupError;

/// One thing that a guest wants of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// A TCP connection for an HTTP request.
    Http {
        /// The method.
        method: String,
        /// True for `https`; TLS is the asker's.
        secure: bool,
        /// The host of the URL, in its canonical form.
        host: String,
        /// The port.
        port: u16,
        /// The path, without a query.
        path: String,
    },
    /// A TCP connection to an address.
    Tcp {
        /// The name that led the guest to the address, if one did.
        name: Option<String>,
        /// Where to.
        to: SocketAddr,
    },
    /// A UDP socket that sends to an address and hears from it alone.
    Udp {
        /// The name that led the guest to the address, if one did.
        name: Option<String>,
        /// Where to.
        to: SocketAddr,
    },
    /// A listening TCP socket.
    Listen {
        /// Where.
        at: SocketAddr,
        /// How many connections may wait.
        backlog: u32,
    },
    /// A name's addresses.
    Resolve {
        /// The name.
        name: String,
    },
}

impl Ask {
    /// The access to check; `led_to` is the address that a URL's name led to, once it is known.
    pub fn request(&self, led_to: Option<IpAddr>) -> Request<'_> {
        match self {
            Ask::Http { method, secure, host, port, path } => Request::Http {
                method,
                scheme: if *secure { Scheme::Https } else { Scheme::Http },
                host,
                addr: led_to,
                port: *port,
                path,
            },
            Ask::Tcp { name, to } => Request::TcpConnect { host: name.as_deref(), addr: *to },
            Ask::Udp { name, to } => Request::UdpConnect { host: name.as_deref(), addr: *to },
            Ask::Listen { at, .. } => Request::ListenTcp { port: at.port() },
            Ask::Resolve { name } => Request::Resolve { name },
        }
    }
}

/// What came of an ask, and which addresses were left out on the way: each is to be recorded as a refusal.
#[derive(Debug)]
pub struct Outcome<T> {
    /// Addresses that may not be reached.
    pub barred: Vec<Barred>,
    /// What there is now.
    pub result: Result<T, Failed>,
}

impl<T> From<Failed> for Outcome<T> {
    fn from(failed: Failed) -> Outcome<T> {
        Outcome { barred: Vec::new(), result: Err(failed) }
    }
}

/// Why an ask came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Failed {
    /// No grant names it.
    #[error("no grant allows it")]
    Refused,
    /// None of the addresses may be reached.
    #[error("it leads only where no grant reaches")]
    Barred,
    /// The name led nowhere.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The kernel's answer.
    #[error("{}", io::Error::from_raw_os_error(*.0))]
    Io(i32),
    /// What makes the connections was interrupted; trying again helps.
    #[error("the node's way out was interrupted; try again")]
    Gone,
    /// The ask is longer than any may be.
    #[error("it is longer than {} bytes", crate::wire::PACKET_BYTES_MAX)]
    TooLong,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        let other = match error.kind() {
            io::ErrorKind::TimedOut => rustix::io::Errno::TIMEDOUT,
            _ => rustix::io::Errno::IO,
        };
        Failed::Io(error.raw_os_error().unwrap_or(other.raw_os_error()))
    }
}

impl Failed {
    /// It took too long.
    pub fn timed_out() -> Failed {
        Failed::Io(rustix::io::Errno::TIMEDOUT.raw_os_error())
    }
}
