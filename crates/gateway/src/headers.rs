//! Fields that belong to one connection, and fields that only the gateway may set.

use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TRAILER};
use http::uri::Authority;
use tombolo_spec::call::{APP_FIELD, CALLER_FIELD, HOPS_FIELD};
use tombolo_spec::fields::hop_by_hop;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Which app calls which other one, and how many calls led to it.
pub(crate) const CALLER: HeaderName = HeaderName::from_static(CALLER_FIELD);
pub(crate) const APP: HeaderName = HeaderName::from_static(APP_FIELD);
pub(crate) const HOPS: HeaderName = HeaderName::from_static(HOPS_FIELD);

/// What a client may say of itself, and nobody should believe.
const SET_BY_GATEWAYS: [HeaderName; 8] =
    [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP, CALLER, APP, HOPS];

/// Makes a client's fields those of a request to a cell. The body's length is known from the body alone, so that two
/// readers can't disagree about it.
pub(crate) fn to_cell(
    headers: &mut HeaderMap,
    authority: Option<&Authority>,
    peer: Option<&HeaderValue>,
    is_tls: bool,
) {
    remove_hop_by_hop(headers);
    headers.remove(CONTENT_LENGTH);
    SET_BY_GATEWAYS.iter().for_each(|name| drop(headers.remove(name)));
    if let Some(host) = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    peer.map(|peer| headers.insert(X_FORWARDED_FOR, peer.clone()));
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(if is_tls { "https" } else { "http" }));
}

/// A client's address as cells are told it: one of IPv4 in the form of that.
pub(crate) fn address(peer: IpAddr) -> Option<HeaderValue> {
    HeaderValue::from_str(&peer.to_canonical().to_string()).ok()
}

/// Takes out what belonged to the connection that a message came by, and the announcement of trailers.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    headers.remove(TRAILER);
    let names = hop_by_hop(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    names.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_neither_name_its_address_nor_smuggle_fields_of_the_connection() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "a.example"),
            ("connection", "close, x-secret, host"),
            ("x-secret", "1"),
            ("x-forwarded-for", "6.6.6.6"),
            ("forwarded", "for=6.6.6.6"),
            ("x-tombolo-caller", "acme/admin"),
            ("x-tombolo-app", "admin"),
            ("x-tombolo-hops", "0"),
            ("te", "trailers"),
            ("content-length", "5"),
            ("accept", "*/*"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let peer = "::ffff:10.0.0.9".parse().ok().and_then(address);
        to_cell(&mut headers, None, peer.as_ref(), false);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?")))
            .collect();
        left.sort();
        assert_eq!(
            left,
            ["accept: */*", "host: a.example", "x-forwarded-for: 10.0.0.9", "x-forwarded-proto: http"]
        );
    }
}
