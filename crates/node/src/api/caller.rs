//! Who asks, and whether they may.

use std::time::SystemTime;

use http::header::AUTHORIZATION;
use http::{Request, StatusCode};

use super::ApiError;
use super::routes::Route;
use crate::db::{Bearer, Role};
use crate::supervise::Node;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// The node's own user or root, over the Unix socket: may do everything.
    Owner,
    /// Somebody over the network: may do what the token says.
    Anybody,
}

impl Caller {
    /// Refuses what the caller may not do. A token counts also where none is needed.
    pub(super) fn may<B>(
        self,
        node: &Node,
        route: &Route,
        parts: &[String],
        request: &Request<B>,
    ) -> Result<(), ApiError> {
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            return match self {
                Caller::Owner => Ok(()),
                Caller::Anybody => Err(unauthorized("a token is needed: `tombolo token create`")),
            };
        };
        let token = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        let bearer =
            token.map(|token| node.db.borrow().bearer(token, SystemTime::now())).transpose()?.flatten();
        let bearer = bearer.ok_or_else(|| unauthorized("the token is not valid, or not any more"))?;
        if allows(&bearer, route, parts) {
            return Ok(());
        }
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
