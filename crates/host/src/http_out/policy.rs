//! What a request is for, read so that the check and the wire cannot differ.

use std::net::IpAddr;

use http::uri::{Authority, Uri};
use http::{HeaderValue, Method};
use tombolo_egress::Ask;
use tombolo_spec::Request;
use tombolo_spec::grant::{Host, Scheme};
use wasmtime_wasi_http::Error;

use crate::egress::{NetPolicy, grant_line};
use crate::ledger::{Reason, Refused};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    /// The host in its canonical form, without brackets.
    pub(super) host_text: String,
    pub(super) port: u16,
    /// Host and port as they are sent: from what was checked, not from what the guest wrote.
    pub(super) authority: HeaderValue,
    /// Whether the host means an app of this node.
    pub(super) is_app: bool,
}

impl Target {
    /// # Errors
    /// A URL without a host, with a user name, or whose host different programs would read differently; one by which no
    /// app of the node can be called.
    pub(super) fn of(uri: &Uri) -> Result<Target, String> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            other => return Err(format!("the scheme {other:?} is not http or https")),
        };
        let authority = uri.authority().ok_or("the URL has no host")?;
        if authority.as_str().contains('@') {
            return Err("the URL has a user name before its host".to_owned());
        }
        let port = port(authority)?.unwrap_or(scheme.default_port());
        let host: Host = authority.host().parse().map_err(|error| format!("{error}"))?;
        let host_text = match &host {
            Host::Name(name) => name.to_string(),
            Host::Address(address) => address.to_string(),
        };
        let is_app = is_app(scheme, &host, port)?;
        let sent = sent_authority(&host, &host_text, port, scheme);
        let sent = HeaderValue::try_from(sent).map_err(|error| error.to_string())?;
        Ok(Target { scheme, host, host_text, port, authority: sent, is_app })
    }

    /// The access to check, with the address once it is known.
    pub(super) fn request<'a>(
        &'a self,
        method: &'a Method,
        uri: &'a Uri,
        addr: Option<IpAddr>,
    ) -> Request<'a> {
        Request::Http {
            method: method.as_str(),
            scheme: self.scheme,
            host: &self.host_text,
            addr,
            port: self.port,
            path: uri.path(),
        }
    }

    /// What to ask for a connection for this request.
    pub(super) fn ask(&self, method: &Method, uri: &Uri) -> Ask {
        Ask::Http {
            method: method.as_str().to_owned(),
            secure: self.scheme == Scheme::Https,
            host: self.host_text.clone(),
            port: self.port,
            path: uri.path().to_owned(),
        }
    }

    pub(super) fn uri_scheme(&self) -> http::uri::Scheme {
        match self.scheme {
            Scheme::Http => http::uri::Scheme::HTTP,
            Scheme::Https => http::uri::Scheme::HTTPS,
        }
    }
}

/// Reads a request's target and checks that a grant names it.
pub(super) fn target(policy: NetPolicy<'_>, method: &Method, uri: &Uri) -> Result<Target, Error> {
    let target = Target::of(uri).map_err(|why| {
        let request = format!("http {method} {uri}");
        policy.ledger.refused(Refused {
            request: &request,
            near: None,
            reason: Reason::Host(why),
            remedy: None,
        });
        Error::HttpRequestDenied
    })?;
    let request = target.request(method, uri, None);
    if policy.named(&request, &target.host) { Ok(target) } else { Err(Error::HttpRequestDenied) }
}

/// The grant that a request would need, for messages.
pub(super) fn wanted(target: &Target, method: &Method, uri: &Uri) -> String {
    let request = target.request(method, uri, None);
    grant_line(&request).unwrap_or_else(|| request.to_string())
}

/// Whether an app of the node is called; an error for what looks like it and is not.
fn is_app(scheme: Scheme, host: &Host, port: u16) -> Result<bool, String> {
    let Host::Name(name) = host else { return Ok(false) };
    let Some(app) = name.app() else { return Ok(false) };
    app.map_err(|error| error.to_string())?;
    if (scheme, port) != (Scheme::Http, Scheme::Http.default_port()) {
        return Err("apps of a node are called by http on port 80 alone: it never leaves the machine".into());
    }
    Ok(true)
}

fn port(authority: &Authority) -> Result<Option<u16>, String> {
    let after = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    match (after, authority.port_u16()) {
        ("", _) => Ok(None),
        (_, Some(port)) if port != 0 => Ok(Some(port)),
        _ => Err(format!("the port in {authority:?} is not from 1 to 65535")),
    }
}

fn sent_authority(host: &Host, text: &str, port: u16, scheme: Scheme) -> String {
    let host = match host {
        Host::Address(IpAddr::V6(_)) => format!("[{text}]"),
        _ => text.to_owned(),
    };
    if port == scheme.default_port() { host } else { format!("{host}:{port}") }
}
