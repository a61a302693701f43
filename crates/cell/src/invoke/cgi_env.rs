//! The environment of a CGI program (RFC 3875, section 4.1), and of an event's.

use http::header::{
    AsHeaderName, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, TRANSFER_ENCODING,
};
use http::request;

use crate::path::Door;

/// Variables of the request in `parts`, with a body of `body_bytes` if it has one.
///
/// `prefix_segments` is how many segments of the path led to the function: they are the script's name, what follows
/// is its path information. A prefix that is not there counts as none.
pub(super) fn request(
    door: &Door,
    parts: &request::Parts,
    body_bytes: Option<u64>,
    prefix_segments: usize,
) -> Vec<(String, String)> {
    let (script, path_info) = split(parts.uri.path(), prefix_segments);
    let (name, port) = server(door, parts);
    let mut env = Env(Vec::with_capacity(24 + parts.headers.len()));
    env.set("GATEWAY_INTERFACE", "CGI/1.1");
    env.set("SERVER_SOFTWARE", concat!("tombolo/", env!("CARGO_PKG_VERSION")));
    env.set("SERVER_PROTOCOL", &format!("{:?}", parts.version));
    env.set("SERVER_NAME", name);
    env.set("SERVER_PORT", &port);
    env.set("REQUEST_METHOD", parts.method.as_str());
    env.set("REQUEST_URI", parts.uri.path_and_query().map_or("/", |target| target.as_str()));
    env.set("SCRIPT_NAME", script);
    env.set("PATH_INFO", &decoded(path_info));
    env.set("QUERY_STRING", parts.uri.query().unwrap_or(""));
    let peer = door.client(&parts.headers);
    env.set("REMOTE_ADDR", &peer);
    env.set("REMOTE_HOST", &peer);
    if door.is_tls(&parts.headers) {
        env.set("HTTPS", "on");
    }
    if let Some(bytes) = body_bytes {
        env.set("CONTENT_LENGTH", &bytes.to_string());
    }
    env.set_field("CONTENT_TYPE", &parts.headers, CONTENT_TYPE);
    env.set_fields(&parts.headers);
    env.0
}

/// Attributes of a CloudEvent in binary mode as `CE_…`, and its payload's type and size.
pub(super) fn event(headers: &HeaderMap, body_bytes: u64) -> Vec<(String, String)> {
    let mut env = Env(Vec::new());
    for (name, value) in headers {
        if let (Some(attribute), Ok(value)) = (name.as_str().strip_prefix("ce-"), value.to_str()) {
            env.set(&format!("CE_{}", variable(attribute)), &decoded(value));
        }
    }
    env.set("CONTENT_LENGTH", &body_bytes.to_string());
    env.set_field("CONTENT_TYPE", headers, CONTENT_TYPE);
    env.0
}

struct Env(Vec<(String, String)>);

impl Env {
    /// A NUL cannot stand in a variable.
    fn set(&mut self, name: &str, value: &str) {
        if !value.contains('\0') {
            self.0.push((name.to_owned(), value.to_owned()));
        }
    }

    fn set_field(&mut self, name: &str, headers: &HeaderMap, field: impl AsHeaderName) {
        if let Some(value) = headers.get(field).and_then(|value| value.to_str().ok()) {
            self.set(name, value);
        }
    }

    /// Fields as `HTTP_…`; several of one name are joined as one list (section 4.1.18).
    fn set_fields(&mut self, headers: &HeaderMap) {
        for name in headers.keys().filter(|name| may_pass(name)) {
            let separator = if *name == COOKIE { "; " } else { ", " };
            let values: Vec<_> =
                headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            if !values.is_empty() {
                self.set(&format!("HTTP_{}", variable(name.as_str())), &values.join(separator));
            }
        }
    }
}

/// `Proxy` would become `HTTP_PROXY`, which programs take for configuration (CVE-2016-5385). A name with an
/// underscore could pass for one with a hyphen. The body's fields have variables of their own.
fn may_pass(name: &HeaderName) -> bool {
    name != "proxy"
        && !name.as_str().contains('_')
        && name != CONTENT_LENGTH
        && name != CONTENT_TYPE
        && name != TRANSFER_ENCODING
}

fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// The path's first `segments` segments, and the rest.
fn split(path: &str, segments: usize) -> (&str, &str) {
    let mut slashes = path.match_indices('/').map(|(at, _)| at).skip(segments);
    slashes.next().map_or((path, ""), |at| path.split_at(at))
}

/// The host and port that the request was for.
fn server<'a>(door: &Door, parts: &'a request::Parts) -> (&'a str, String) {
    let field = || parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host =
        parts.uri.authority().map(|authority| authority.as_str()).or_else(field).unwrap_or("localhost");
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            (name, Some(port))
        }
        _ => (host, None),
    };
    let default = || match door.local {
        Some(local) => local.port().to_string(),
        None => if door.is_tls(&parts.headers) { "443" } else { "80" }.to_owned(),
    };
    (name, port.map_or_else(default, str::to_owned))
}

/// Percent-escapes as the characters they stand for.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        (out, rest) = match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => (push(out, (high * 16 + low) as u8), &tail[2..]),
            _ => (push(out, byte), tail),
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn push(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_routes_prefix_is_the_scripts_name() {
        assert_eq!(split("/api/x/y", 1), ("/api", "/x/y"));
        assert_eq!(split("/api/x/y", 0), ("", "/api/x/y"));
        assert_eq!(split("/api", 1), ("/api", ""));
        assert_eq!(split("/", 0), ("", "/"));
    }

    #[test]
    fn fields_become_variables_but_for_those_that_lie() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-a", "1"),
            ("x-a", "2"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("proxy", "evil"),
            ("x_b", "evil"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let mut env = Env(Vec::new());
        env.set_fields(&headers);
        env.0.sort();
        let expected = [("HTTP_COOKIE", "a=1; b=2"), ("HTTP_X_A", "1, 2")];
        assert_eq!(env.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_events_attributes_become_variables() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("ce-id", "7"), ("ce-type", "a%20b"), ("content-type", "text/plain"), ("host", "x")]
        {
            headers.append(name, value.parse().expect("a value"));
        }
        let expected =
            [("CE_ID", "7"), ("CE_TYPE", "a b"), ("CONTENT_LENGTH", "3"), ("CONTENT_TYPE", "text/plain")];
        assert_eq!(event(&headers, 3), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
