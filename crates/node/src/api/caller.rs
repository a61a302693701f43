//! Who asks, and whether they may.

use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};

use super::ApiError;
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
}

impl Caller {
    /// Who it is, for the audit log. Refuses what the caller may not do. A token counts also where none is needed.
    pub(super) fn may<B>(
        self,
        node: &Node,
        route: &Route,
        parts: &[String],
        request: &Request<B>,
    ) -> Result<String, ApiError> {
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            return match self {
                Caller::Owner { uid } => Ok(format!("user {uid}")),
                Caller::Anybody => Err(unauthorized("a token is needed: `tombolo token create`")),
            };
        };
        let token = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| unauthorized("write Authorization: Bearer and the token"))?;
        let bearer = node.db.borrow().bearer(token, SystemTime::now())?;
        let bearer = bearer.ok_or_else(|| unauthorized("the token is not valid, or not any more"))?;
        let by = format!("{}, for {} of {}", token_name(token), bearer.role, bearer.tenant);
        if allows(&bearer, route, parts) {
            return Ok(by);
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
