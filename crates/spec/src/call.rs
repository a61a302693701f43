//! Calls from app to app on one node: what the processes on their way tell each other.
//!
//! ```text
//! caller's cell ──ask──▶ broker ──Call, one end of a connection──▶ gateway ──request──▶ cell of the app
//!       └───────────────────── HTTP/1.1 on the other end ─────────────┘
//! ```

use serde::{Deserialize, Serialize};

/// The field by which an app learns which app calls it, as `TENANT/APP`. Set by the gateway alone.
pub const CALLER_FIELD: &str = "x-tombolo-caller";
/// The field that tells a cell which of its apps is called, whatever the host. Set by the gateway alone.
pub const APP_FIELD: &str = "x-tombolo-app";
/// The field that counts the calls that led to a request. Set by the gateway; the cell hands it on with each call that
/// is made while the request is answered. No guest sees it.
pub const HOPS_FIELD: &str = "x-tombolo-hops";
/// Calls that may follow from each other, so that apps which call each other in a circle come to an end.
pub const HOPS_MAX: u8 = 16;

/// A connection by which one app calls another: from the broker, which knows who is who, to the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Who calls.
    pub from: AppOf,
    /// Who is called, on this connection alone.
    pub to: AppOf,
    /// The caller's grants that name the host; each request must be one that they permit.
    pub grants: Vec<String>,
    /// The host by which the caller's grants name the called app.
    pub host: String,
}

/// An app with its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AppOf {
    /// Whose it is.
    pub tenant: String,
    /// Its name.
    pub app: String,
}

impl std::fmt::Display for AppOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.tenant, self.app)
    }
}
