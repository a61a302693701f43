//! A refusal, as the operator sees it.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use tombolo_spec::net::Class;

/// Something that a guest asked for and did not get.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// When it came first.
    pub first: SystemTime,
    /// The function whose instance asked.
    pub function: String,
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

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No grant names it; with the grant that would.
    NoGrant { remedy: String },
    /// The address is not a public one, and no grant names it literally.
    Address { address: IpAddr, class: Class, remedy: String },
    /// All addresses of a name were refused.
    NoAddress,
    /// The directory is granted for reading only.
    ReadOnly { remedy: String },
    /// The path leads out of the granted directory.
    OutsideDir,
    /// A FIFO, socket or device, which no grant opens.
    SpecialFile(&'static str),
    /// A limit of the function.
    Limit { name: &'static str, value: String },
    /// Something that is never done for a guest.
    Never(&'static str),
}

impl Reason {
    /// The grant or limit to add, where there is one.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Reason::NoGrant { remedy } | Reason::Address { remedy, .. } | Reason::ReadOnly { remedy } => Some(remedy),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoGrant { .. } => f.write_str("no grant allows it"),
            Reason::Address { address, class, .. } => {
                write!(f, "{address} is a {class} address; no grant names it")
            }
            Reason::NoAddress => f.write_str("none of its addresses may be reached"),
            Reason::ReadOnly { .. } => f.write_str("the directory is granted for reading only"),
            Reason::OutsideDir => f.write_str("the path leads out of the granted directory"),
            Reason::SpecialFile(kind) => write!(f, "it is a {kind}, which is never opened"),
            Reason::Limit { name, value } => write!(f, "the limit {name}={value} is reached"),
            Reason::Never(why) => f.write_str(why),
        }
    }
}
