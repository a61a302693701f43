//! The web page of a node: files in this program, and what keeps other pages from using it.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response};

use super::{Body, full};

/// Scripts, styles, pictures and answers of this address and of no other; no frame around the page, no form to elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const JS: &str = "text/javascript; charset=utf-8";

/// The file at this path, if the page has one there.
pub(super) fn file<B>(request: &Request<B>) -> Option<Response<Body>> {
    let (content_type, text) = match request.uri().path() {
        _ if request.method() != Method::GET => return None,
        "/" => ("text/html; charset=utf-8", include_str!("index.html")),
        "/page.css" => ("text/css; charset=utf-8", include_str!("page.css")),
        "/icon.svg" => ("image/svg+xml", include_str!("icon.svg")),
        "/main.js" => (JS, include_str!("main.js")),
        "/app.js" => (JS, include_str!("app.js")),
        "/api.js" => (JS, include_str!("api.js")),
        "/dom.js" => (JS, include_str!("dom.js")),
        "/plot.js" => (JS, include_str!("plot.js")),
        _ => return None,
    };
    let mut response = Response::new(full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Some(response)
}

/// What browsers are told about every answer.
pub(super) fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
