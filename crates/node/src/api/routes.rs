//! Every route of the API, in one table: what is served, and what the document says.
//!
//! The types in the table are those of the handlers: what is read, what is answered and what the document promises
//! cannot differ.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;
use tombolo_spec::Name;

use super::call::{Call, Note, Raw, Reply};
use super::caller::Caller;
use super::change::Change;
use super::types::{
    AppStatus, Asker, AuditEvent, CreateToken, Deploy, Explanation, FunctionGrants, HistoryRow, NodeStatus,
    Nothing, Outcome, Rollback, Stats, Tenant, Token, Upgrade, Upgraded,
};
use super::{Answer, ApiError, apps, artifacts, events, grants, invoke, logs, machine, openapi, stats};
use crate::db::Role;
use crate::supervise::Node;

/// A route: how it is asked for, what it does in one line, and who does it.
pub(super) struct Route {
    pub(super) method: Method,
    /// Segments in braces stand for any name.
    pub(super) path: &'static str,
    /// Keys of the query that mean something.
    pub(super) keys: &'static [&'static str],
    /// What a token needs, for the tenant in the path or for the whole node.
    pub(super) needs: Role,
    pub(super) summary: &'static str,
    /// The document that is sent, where one is.
    pub(super) takes: fn(&mut SchemaGenerator) -> Option<Schema>,
    /// The media type of the answer, and what it holds.
    pub(super) gives: fn(&mut SchemaGenerator) -> (&'static str, Schema),
    /// The word for it in the audit log, for what changes something.
    pub(super) audit: Option<&'static str>,
    handler: Handler,
}

type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Answer>>>;

macro_rules! routes {
    ($($method:ident $path:literal $(?$key:ident)* $needs:ident $summary:literal $handler:path $([$body:ty])? => $reply:ty $(, $audit:literal)?;)*) => {
        /// Every route.
        pub(super) fn routes() -> Vec<Route> {
            vec![$(Route {
                method: Method::$method,
                path: $path,
                keys: &[$(stringify!($key)),*],
                needs: Role::$needs,
                summary: $summary,
                takes: |_generator| routes!(@schema _generator $($body)?),
                gives: <$reply as Reply>::described,
                audit: routes!(@audit $($audit)?),
                handler: |call| Box::pin(async move {
                    let reply: Result<$reply, ApiError> = routes!(@handle $handler, call $(, $body)?);
                    reply?.into_answer()
                }),
            }),*]
        }
    };
    (@audit) => { None };
    (@audit $audit:literal) => { Some($audit) };
    (@schema $generator:ident) => { None };
    (@schema $generator:ident $body:ty) => { Some($generator.subschema_for::<$body>()) };
    (@handle $handler:path, $call:ident) => { $handler($call).await };
    (@handle $handler:path, $call:ident, $body:ty) => {{
        let (call, body) = $call.json::<$body>().await?;
        $handler(call, body).await
    }};
}

routes! {
    GET "/v1/openapi.json" Read "This document"
        openapi::get => Value;
    GET "/v1/caller" Read "Who asks, and what they may do"
        machine::caller => Asker;
    GET "/v1/node" Admin "The node, its cells and the kernel's walls around them"
        machine::node => NodeStatus;
    POST "/v1/node/upgrade" Admin "Replace the node's program, once another one has shown that it could be this node"
        machine::upgrade [Upgrade] => Upgraded;
    GET "/v1/tenants" Admin "The names of all tenants"
        machine::tenants => Vec<String>;
    PUT "/v1/tenants/{tenant}" Admin "Add a tenant, or give one another ceiling"
        machine::put_tenant [Tenant] => Nothing, "tenant";
    GET "/v1/apps" Admin "All apps of all tenants"
        apps::all => Vec<AppStatus>;
    GET "/v1/tenants/{tenant}/apps" Read "All apps of a tenant"
        apps::of_tenant => Vec<AppStatus>;
    GET "/v1/tenants/{tenant}/apps/{app}" Read "One app"
        apps::one => AppStatus;
    PUT "/v1/tenants/{tenant}/apps/{app}" Deploy "Deploy a revision and wait until it serves or has failed"
        apps::deploy [Deploy] => Outcome, "deploy";
    DELETE "/v1/tenants/{tenant}/apps/{app}" Deploy "Remove an app with all its revisions"
        apps::remove => Nothing, "remove";
    GET "/v1/tenants/{tenant}/apps/{app}/revisions" Read "The revisions that are kept, the newest first"
        apps::history => Vec<HistoryRow>;
    POST "/v1/tenants/{tenant}/apps/{app}/rollback" Deploy "Serve an older revision again and wait until it does"
        apps::rollback [Rollback] => Outcome, "rollback";
    GET "/v1/tenants/{tenant}/apps/{app}/logs" ?lines ?follow Read "The last lines, and with follow=true those to come"
        logs::get => Raw;
    POST "/v1/tenants/{tenant}/apps/{app}/functions/{function}/invoke" Deploy "Call a function with an event; the body is its data"
        invoke::post => Raw;
    GET "/v1/tenants/{tenant}/apps/{app}/grants" Read "What an app's grants were used for, what was refused, and the smallest that would do"
        grants::get => Vec<FunctionGrants>;
    GET "/v1/events" ?count ?app Admin "The newest events of the audit log"
        events::all => Vec<AuditEvent>;
    GET "/v1/events/{event}" Admin "An event, or the refusal in a request: what happened and what to do"
        events::one => Explanation;
    GET "/v1/tenants/{tenant}/events" ?count ?app Read "The newest events of a tenant's audit log"
        events::of_tenant => Vec<AuditEvent>;
    GET "/v1/tenants/{tenant}/events/{event}" Read "One of them: what happened and what to do"
        events::one_of_tenant => Explanation;
    GET "/v1/stats" ?over Admin "Requests, latencies, processors, memory and refusals; rates over so many milliseconds"
        stats::all => Stats;
    GET "/v1/tenants/{tenant}/stats" ?over Read "The same of a tenant"
        stats::of_tenant => Stats;
    PUT "/v1/artifacts/{digest}" Deploy "Send an artifact, named by its SHA-256"
        artifacts::put => Nothing;
    HEAD "/v1/artifacts/{digest}" Deploy "Whether an artifact is there"
        artifacts::head => Raw;
    POST "/v1/tenants/{tenant}/tokens" Admin "Make a token for a tenant; it is said once"
        machine::create_token [CreateToken] => Token, "token";
}

/// The parts of a path that stood in braces, in order.
pub(super) type Parts = Vec<String>;

/// Finds the route of a request and has it answered.
pub(super) async fn dispatch(node: Rc<Node>, caller: Caller, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let mut other_method = false;
    for route in routes() {
        let Some(parts) = matches(route.path, &path) else { continue };
        if route.method == *request.method() {
            let caller = caller.may(&node, &route, &parts, &request)?;
            let note = Note::default();
            let change = Change::begins(&node, &route, &parts, &caller.by, &note);
            let answer = (route.handler)(Call::new(node, caller, parts, request, note)).await;
            return change.ends(answer);
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
