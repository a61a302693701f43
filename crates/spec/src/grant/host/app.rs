//! Names that end in `.internal`: the apps of a node, as other apps call them.
//!
//! Such a name is never looked up and never leads over a network: on a node it means an app, elsewhere nothing.

use super::{HostName, HostPattern};
use crate::invalid::Invalid;
use crate::name::Name;
use std::fmt;

/// What the names of apps end in.
const ZONE: &str = "internal";

const REMEDY: &str =
    "write http://APP.internal/… for an app of the same tenant, http://APP.TENANT.internal/… for another's";

/// An app by the host name under which other apps of its node call it: `APP.internal`, `APP.TENANT.internal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppHost {
    /// The app.
    pub app: Name,
    /// Whose it is; the caller's own tenant where the name does not say.
    pub tenant: Option<Name>,
}

impl HostName {
    /// True for `internal` and all names below it: no name server is ever asked for one.
    pub fn is_internal(&self) -> bool {
        self.as_str() == ZONE || self.is_below(ZONE)
    }

    /// The app that an internal name means; `None` for other names.
    ///
    /// # Errors
    /// An internal name that means no app.
    pub fn app(&self) -> Option<Result<AppHost, Invalid>> {
        self.is_internal().then(|| {
            let mut labels = self.as_str().split('.').rev().skip(1).map(str::parse::<Name>);
            let parts = (labels.next().transpose(), labels.next().transpose(), labels.next());
            match parts {
                (Ok(Some(app)), Ok(None), None) => Ok(AppHost { app, tenant: None }),
                (Ok(Some(tenant)), Ok(Some(app)), None) => Ok(AppHost { app, tenant: Some(tenant) }),
                _ => Err(Invalid::new(format!("{self} names no app of a node"), REMEDY)),
            }
        })
    }
}

impl HostPattern {
    /// True when all that the pattern names are apps of a node; otherwise none is.
    pub fn is_internal(&self) -> bool {
        match self {
            Self::Name(name) | Self::Below(name) => name.is_internal(),
            Self::Any | Self::Addresses(_) => false,
        }
    }

    /// True for the name of one app of the caller's own tenant.
    pub fn is_own_app(&self) -> bool {
        matches!(self, Self::Name(name) if matches!(name.app(), Some(Ok(AppHost { tenant: None, .. }))))
    }

    /// What is wrong with a pattern of internal names. One app is named as [`AppHost`] says, all of one tenant by
    /// `*.TENANT.internal`, all of all tenants by `*.internal`.
    pub(in crate::grant) fn check_apps(&self) -> Result<(), Invalid> {
        let fault = match self {
            Self::Name(name) => name.app().and_then(Result::err),
            Self::Below(domain) if domain.as_str() == ZONE => None,
            Self::Below(domain) => domain.app().and_then(|app| match app {
                Ok(AppHost { tenant: None, .. }) => None,
                Ok(_) => Some(Invalid::new(format!("*.{domain} names no app of a node"), REMEDY)),
                Err(error) => Some(error),
            }),
            Self::Any | Self::Addresses(_) => None,
        };
        fault.map_or(Ok(()), Err)
    }
}

impl fmt::Display for AppHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            None => write!(f, "{}.{ZONE}", self.app),
            Some(tenant) => write!(f, "{}.{tenant}.{ZONE}", self.app),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(name: &str) -> Option<Option<String>> {
        let name: HostName = name.parse().expect("a name");
        name.app().map(|app| app.ok().map(|app| app.to_string()))
    }

    #[test]
    fn one_label_is_an_app_two_are_an_app_of_a_tenant_and_others_are_none() {
        for name in ["billing.internal", "billing.acme.internal", "internal.internal"] {
            assert_eq!(app(name), Some(Some(name.to_owned())));
        }
        assert_eq!(app("Billing.ACME.Internal."), Some(Some("billing.acme.internal".to_owned())));
        for name in ["internal", "a.b.c.internal", "my_app.internal"] {
            assert_eq!(app(name), Some(None), "{name}");
        }
        for name in ["billing", "billing.internal.example.com", "xinternal", "db.home.arpa"] {
            assert_eq!(app(name), None, "{name}");
        }
    }
}
