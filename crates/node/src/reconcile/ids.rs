//! Names of what is reconciled.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tombolo_spec::{Isolation, Name};

/// An app of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    /// Who owns it.
    pub tenant: Name,
    /// Its name, unique for the tenant.
    pub app: Name,
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.app)
    }
}

/// Apps that share a cell: those of a tenant, or one that has a cell of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HomeId {
    /// Whose apps they are.
    pub tenant: Name,
    /// The one app, if it is alone.
    pub app: Option<Name>,
}

impl HomeId {
    /// Where an app with this isolation belongs.
    pub fn of(app: &AppId, isolation: Isolation) -> HomeId {
        let alone = isolation == Isolation::App;
        HomeId { tenant: app.tenant.clone(), app: alone.then(|| app.app.clone()) }
    }

    /// An app that has its home here.
    pub(super) fn app_id(&self, app: &Name) -> AppId {
        AppId { tenant: self.tenant.clone(), app: app.clone() }
    }
}

/// The number of a deploy of an app, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a cell; never used twice while a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellId(pub u64);

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Milliseconds of a clock that never goes back, such as since the machine's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// The time so much later.
    pub fn after(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How much later than `earlier`; nothing if it isn't.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
