//! Who asks, and whether they may.

use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use tombolo_spec::Name;

use super::ApiError;
use super::listen::Door;
use super::routes::Route;
use crate::audit::AuditEvent;
use crate::db::{Bearer, Role, token_name};
use crate::supervise::Node;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The node's own user or root, over the Unix socket: may do everything.
    Owner {
        /// Which of the two.
        uid: u32,
    },
    /// Somebody over the network: may do what the token says.
    Anybody,
    /// Somebody on this machine, who looks at the page: may look, and do what a token says.
    Visitor,
}

/// A caller that may do what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// For the audit log.
    pub(super) by: String,
    /// The only tenant that is seen, if there is only one.
    pub(super) tenant: Option<Name>,
    pub(super) role: Role,
    /// Whether it is the node's own user or root, on this machine.
    pub(super) is_owner: bool,
}

impl Caller {
    /// Who comes in at a door over the network.
    pub(super) fn at(door: Door) -> Caller {
        match door {
            // Nobody else reaches such an address.
            Door::Page(address) if address.ip().is_loopback() => Caller::Visitor,
            _ => Caller::Anybody,
        }
    }

    /// Who it is. Refuses what the caller may not do. A token counts also where none is needed.
    pub(super) fn may<B>(
        self,
        node: &Node,
        route: &Route,
        parts: &[String],
        request: &Request<B>,
    ) -> Result<Known, ApiError> {
        let looks = route.method == Method::GET;
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            return match self {
                Caller::Owner { uid } => {
                    Ok(Known { by: format!("user {uid}"), tenant: None, role: Role::Admin, is_owner: true })
                }
                Caller::Visitor if looks => {
                    let by = "a visitor".to_owned();
                    Ok(Known { by, tenant: None, role: Role::Read, is_owner: false })
                }
                Caller::Anybody | Caller::Visitor => {
                    Err(unauthorized("a token is needed: `tombolo token create`"))
                }
            };
        };
        let token = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| unauthorized("write Authorization: Bearer and the token"))?;
        let bearer = node.db.borrow().bearer(token, SystemTime::now())?;
        let bearer = bearer.ok_or_else(|| unauthorized("the token is not valid, or not any more"))?;
        let by = format!("{}, for {} of {}", token_name(token), bearer.role, bearer.tenant);
        if allows(&bearer, route, parts) || self == Caller::Visitor && looks {
            let sees_all = bearer.role == Role::Admin || self == Caller::Visitor;
            let tenant = (!sees_all).then_some(bearer.tenant);
            return Ok(Known { by, tenant, role: bearer.role, is_owner: false });
        }
        let denied = AuditEvent {
            by: Some(by),
            request: Some(format!("{} {}", request.method(), request.uri().path())),
            status: Some(StatusCode::FORBIDDEN.as_u16()),
            ..AuditEvent::new("denied", &bearer.tenant)
        };
        node.record_event(denied);
        let Bearer { tenant, role } = bearer;
        Err(ApiError::forbidden(format!(
            "the token is for {role} of the tenant {tenant}, which does not include this"
        )))
    }
}

fn allows(bearer: &Bearer, route: &Route, parts: &[String]) -> bool {
    let of_tenant = route.path.starts_with("/v1/tenants/{tenant}/");
    let own = !of_tenant || parts.first().is_some_and(|tenant| **tenant == *bearer.tenant);
    bearer.role == Role::Admin || bearer.role >= route.needs && own
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, message)
}
