//! A refusal, as the operator sees it.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use tombolo_spec::GrantId;
use tombolo_spec::net::Class;

/// Something that a guest asked for and did not get.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// When it came first.
    pub first: SystemTime,
    /// The function whose instance asked.
    pub function: String,
    /// The request in which it came first, where instances answer requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<u64>,
    /// What was asked for, in the words of a grant: `http GET http://169.254.169.254/`.
    pub request: String,
    /// The grant that came closest, as it is written.
    pub grant: Option<String>,
    /// Why it was refused, in words.
    pub reason: String,
    /// The smallest grant that would allow it, where one can.
    pub remedy: Option<String>,
    /// How often it was asked so far.
    pub count: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}: {}", self.request, self.reason)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; grant '{remedy}'")?;
        }
        if self.count > 1 {
            write!(f, " (×{})", self.count)?;
        }
        Ok(())
    }
}

/// Receives refusals as they come. Called on the thread that runs the guest.
pub trait RefusalSink: Send + Sync {
    /// A refusal that is new, or whose count has doubled since it was last given.
    fn refused(&self, refusal: &Refusal);
}

/// A refusal as it happens.
#[derive(Debug)]
pub struct Refused<'a> {
    /// What the guest wanted, in the words of a grant.
    pub request: &'a str,
    /// The grant that came closest, which counts the refusal.
    pub near: Option<&'a GrantId>,
    /// Why not.
    pub reason: Reason,
    /// The smallest grant that would allow it, where one can.
    pub remedy: Option<String>,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No grant allows it.
    NoGrant,
    /// The address is not a public one, and no grant names it.
    Address {
        /// Where the packet would have gone.
        address: IpAddr,
        /// What kind of address that is.
        class: Class,
    },
    /// The address is this machine's own, and no grant names it.
    OwnAddress(IpAddr),
    /// Not a host that all programs read the same way.
    Host(String),
    /// The directory or store is granted for reading only.
    ReadOnly,
    /// The path leads out of the granted directory.
    OutsideDir,
    /// A FIFO, socket or device, which no grant opens.
    SpecialFile(&'static str),
    /// The volume holds as much as it may.
    Full,
    /// The machine failed: no fault of the guest's.
    Machine(String),
    /// A limit of the function, as it is written.
    Limit {
        /// The limit's name.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoGrant => f.write_str("no grant allows it"),
            Reason::Address { address, class } => write!(f, "{class} address {address}; no grant names it"),
            Reason::OwnAddress(address) => {
                write!(f, "{address} is an address of this machine; no grant names it")
            }
            Reason::Host(why) => f.write_str(why),
            Reason::ReadOnly => f.write_str("it is granted for reading only"),
            Reason::OutsideDir => f.write_str("the path leads out of the granted directory"),
            Reason::SpecialFile(kind) => write!(f, "it is a {kind}, which is never opened"),
            Reason::Full => f.write_str("the volume is full"),
            Reason::Machine(what) => f.write_str(what),
            Reason::Limit { name, value } => write!(f, "the limit {name}={value} is reached"),
        }
    }
}
