//! Every route of the API, in one table: what is served, and what the document says.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use tombolo_spec::Name;

use super::caller::Caller;
use super::{Answer, ApiError, apps, artifacts, invoke, logs, machine, openapi};
use crate::db::Role;
use crate::supervise::Node;

/// A route: how it is asked for, what it does in one line, and who does it.
pub(super) struct Route {
    pub(super) method: Method,
    /// Segments in braces stand for any name.
    pub(super) path: &'static str,
    /// What a token needs, for the tenant in the path or for the whole node.
    pub(super) needs: Role,
    pub(super) summary: &'static str,
    handler: Handler,
}

/// The parts of a path that stood in braces, in order.
pub(super) type Parts = Vec<String>;
type Handler = fn(Rc<Node>, Parts, Request<Incoming>) -> Pin<Box<dyn Future<Output = Answer>>>;

macro_rules! routes {
    ($($method:ident $path:literal $needs:ident $summary:literal $handler:path;)*) => {
        /// Every route.
        pub(super) fn routes() -> Vec<Route> {
            vec![$(Route {
                method: Method::$method,
                path: $path,
                needs: Role::$needs,
                summary: $summary,
                handler: |node, parts, request| Box::pin($handler(node, parts, request)),
            }),*]
        }
    };
}

routes! {
    GET "/v1/openapi.json" Read "This document" openapi::get;
    GET "/v1/node" Admin "The node, its cells and the kernel's walls around them" machine::node;
    GET "/v1/tenants" Admin "The names of all tenants" machine::tenants;
    PUT "/v1/tenants/{tenant}" Admin "Add a tenant, or give one another ceiling" machine::put_tenant;
    GET "/v1/apps" Admin "All apps of all tenants" apps::all;
    GET "/v1/tenants/{tenant}/apps" Read "All apps of a tenant" apps::of_tenant;
    GET "/v1/tenants/{tenant}/apps/{app}" Read "One app" apps::one;
    PUT "/v1/tenants/{tenant}/apps/{app}" Deploy "Deploy a revision and wait until it serves or has failed" apps::deploy;
    DELETE "/v1/tenants/{tenant}/apps/{app}" Deploy "Remove an app with all its revisions" apps::remove;
    GET "/v1/tenants/{tenant}/apps/{app}/revisions" Read "The revisions that are kept, the newest first" apps::history;
    POST "/v1/tenants/{tenant}/apps/{app}/rollback" Deploy "Serve an older revision again and wait until it does" apps::rollback;
    GET "/v1/tenants/{tenant}/apps/{app}/logs" Read "The last lines (?lines=100), and those to come (?follow=true)" logs::get;
    POST "/v1/tenants/{tenant}/apps/{app}/functions/{function}/invoke" Deploy "Call a function with an event; the body is its data" invoke::post;
    PUT "/v1/artifacts/{digest}" Deploy "Send an artifact, named by its SHA-256" artifacts::put;
    HEAD "/v1/artifacts/{digest}" Deploy "Whether an artifact is there" artifacts::head;
    POST "/v1/tenants/{tenant}/tokens" Admin "Make a token for a tenant; it is said once" machine::create_token;
}

/// Finds the route of a request and has it answered.
pub(super) async fn dispatch(node: Rc<Node>, caller: Caller, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut other_method = false;
    for route in routes() {
        let Some(parts) = matches(route.path, &path) else { continue };
        if route.method == *request.method() {
            caller.may(&node, &route, &parts, &request)?;
            return (route.handler)(node, parts, request).await;
        }
        other_method = true;
    }
    if other_method {
        return Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("not {} {path}", request.method()),
        ));
    }
    Err(ApiError::not_found(format!("there is no {path} here")))
}

/// What stands where the pattern has braces, if the path fits.
fn matches(pattern: &str, path: &str) -> Option<Parts> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {
                parts.push(given.to_owned())
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

/// A part of a path that must be a name: never a path, a look-alike or 4 KiB long.
pub(super) fn name(parts: &[String], index: usize) -> Result<Name, ApiError> {
    let text = parts.get(index).map_or("", String::as_str);
    text.parse().map_err(|error: tombolo_spec::Invalid| ApiError::bad_request(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_one_segment_each() {
        let pattern = "/v1/tenants/{tenant}/apps/{app}";
        assert_eq!(matches(pattern, "/v1/tenants/acme/apps/web"), Some(vec!["acme".into(), "web".into()]));
        for path in [
            "/v1/tenants/acme/apps",
            "/v1/tenants//apps/web",
            "/v1/tenants/acme/apps/web/x",
            "/v1/tenants/a/b/apps/c",
        ] {
            assert_eq!(matches(pattern, path), None, "{path}");
        }
    }

    #[test]
    fn names_that_look_like_something_else_are_refused() {
        for text in ["..", "%2e%2e", "a%2Fb", "\u{430}pp", "A", "-a", "", &"a".repeat(4096)] {
            assert!(name(&[text.to_owned()], 0).is_err(), "{text}");
        }
    }
}
