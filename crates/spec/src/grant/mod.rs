//! Grants: one line of text that permits one thing.
//!
//! A grant is parsed once into [`Grant`] and printed in one canonical form; `parse ∘ print` is the identity.
//! Grants form a lattice under [`Grant::covers`] and [`Grant::meet`], and what they mean is [`Grant::permits`].

mod authority;
mod canonical;
mod conflict;
mod host;
mod lattice;
mod meaning;
mod methods;
mod parse;
mod path;
mod permits;
mod ports;
mod print;
mod refusal;
mod request;
mod set;
mod smallest;
mod topic;
mod union;
mod url;
mod url_path;

pub use canonical::canonical_path;
pub use conflict::Conflict;
pub use host::{AppHost, Host, HostName, HostPattern};
pub use methods::Methods;
pub use path::{GuestPath, HostPath};
pub use ports::Ports;
pub use refusal::Refusal;
pub use request::Request;
pub use set::{GrantId, GrantSet};
pub use smallest::smallest;
pub use topic::{Level, TopicPattern};
pub use url::{Scheme, UrlPattern};
pub use url_path::{PathPattern, Segment};

use crate::line::SyntaxError;
use crate::name::Name;
use crate::units::ByteSize;
use std::time::Duration;

/// Why a line is not a grant; see [`SyntaxError`].
pub type GrantError = SyntaxError;

/// One permission. Nothing is permitted without one.
///
/// `Debug` prints the line, as `Display` does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// `dir ./site as /www read`: a folder of this machine.
    Dir {
        /// Where it is on this machine.
        host: HostPath,
        /// Where the guest sees it; a name, no authority.
        guest: GuestPath,
        /// Whether the guest may change it.
        access: Access,
    },
    /// `volume cache as /cache 64MiB`: a folder that the node keeps for the app.
    Volume {
        /// The volume's name within the app.
        name: Name,
        /// Where the guest sees it; a name, no authority.
        guest: GuestPath,
        /// The most it may hold.
        size: ByteSize,
    },
    /// `env LOG=info`, or `env HOME` for the value that this machine's environment has.
    Env {
        /// The variable's name.
        name: String,
        /// Its value; `None` passes this machine's on.
        value: Option<String>,
    },
    /// `secret db-password`, with `reveal` when the guest may read it.
    Secret {
        /// The secret's name.
        name: Name,
        /// True when the guest itself may read the text.
        reveal: bool,
    },
    /// `http GET https://api.example.com/v1/*`.
    Http {
        /// Which methods.
        methods: Methods,
        /// Which URLs.
        url: UrlPattern,
    },
    /// `tcp connect db.home.arpa:5432`; the names it names may be resolved too.
    TcpConnect {
        /// Which hosts.
        host: HostPattern,
        /// Which ports.
        ports: Ports,
    },
    /// `listen tcp 9000`.
    ListenTcp {
        /// The port, 1 to 65535.
        port: u16,
    },
    /// `udp connect 10.0.0.7:514`; the names it names may be resolved too.
    UdpConnect {
        /// Which hosts.
        host: HostPattern,
        /// Which ports.
        ports: Ports,
    },
    /// `dns *.example.com`: looking names up.
    Dns {
        /// Which names; never [`HostPattern::Addresses`].
        pattern: HostPattern,
    },
    /// `random`: random bytes from the kernel.
    Random,
    /// `clock 1ms`: clocks that show steps of this size.
    Clock {
        /// The smallest step.
        resolution: Duration,
    },
    /// `kv readings read-write`.
    Kv {
        /// The store's name.
        store: Name,
        /// Whether the guest may change it.
        access: Access,
    },
    /// `topic publish alerts/#`.
    Topic {
        /// Sending or receiving.
        direction: Direction,
        /// Which topics.
        pattern: TopicPattern,
    },
}

/// The kinds of grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantKind {
    /// `dir`
    Dir,
    /// `volume`
    Volume,
    /// `env`
    Env,
    /// `secret`
    Secret,
    /// `http`
    Http,
    /// `tcp connect`
    TcpConnect,
    /// `listen tcp`
    ListenTcp,
    /// `udp connect`
    UdpConnect,
    /// `dns`
    Dns,
    /// `random`
    Random,
    /// `clock`
    Clock,
    /// `kv`
    Kv,
    /// `topic`
    Topic,
}

/// `read` or `read-write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading, writing, creating and deleting.
    ReadWrite,
}

/// `publish` or `subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The guest sends.
    Publish,
    /// The guest receives.
    Subscribe,
}
