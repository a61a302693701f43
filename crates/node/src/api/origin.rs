//! Which requests were not meant by whoever sends them: what a web page makes a browser send.

use std::net::SocketAddr;

use http::header::{HOST, HeaderMap, HeaderName, ORIGIN};

use super::ApiError;
use super::listen::Door;

/// Names under which the API may be asked for; there is no other host behind the socket.
const HOSTS: [&str; 2] = ["tombolo", "localhost"];
/// What a browser says about the page that asks (Fetch Metadata Request Headers, W3C).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused before anything else is looked at. `is_file` for the page's own files, to which any page may
/// link.
pub(super) fn refused(door: Door, headers: &HeaderMap, is_file: bool) -> Option<ApiError> {
    let host = text(headers, &HOST);
    let host = host.filter(|host| is_ours(door, host));
    let Some(host) = host else {
        // A name of somebody else's that leads here (DNS rebinding).
        return Some(ApiError::forbidden("this API answers to the host name tombolo, or to its address"));
    };
    let own_page = matches!(door, Door::Page(_)).then(|| format!("http://{host}"));
    let is_foreign = headers.contains_key(ORIGIN) && text(headers, &ORIGIN) != own_page.as_deref();
    let site = text(headers, &SEC_FETCH_SITE);
    let is_elsewhere = !is_file && site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    (is_foreign || is_elsewhere).then(|| ApiError::forbidden("requests of other web pages are refused"))
}

fn is_ours(door: Door, host: &str) -> bool {
    // A name that leads here is a name, whoever owns it: an address written out is not.
    let is_address = |address: SocketAddr| match host.parse::<SocketAddr>() {
        Ok(asked) if address.ip().is_unspecified() => asked.port() == address.port(),
        Ok(asked) => asked == address,
        Err(_) => false,
    };
    match door {
        Door::Socket => HOSTS.contains(&host),
        Door::Api(address) => HOSTS.contains(&host) || is_address(address),
        Door::Page(address) => is_address(address) || host == format!("localhost:{}", address.port()),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(door: Door, is_file: bool, headers: &[(HeaderName, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().expect("a value"));
        }
        refused(door, &map, is_file).is_some()
    }

    #[test]
    fn programs_are_heard_and_pages_are_not_where_there_is_none() {
        let address: SocketAddr = "127.0.0.1:9".parse().expect("an address");
        for door in [Door::Socket, Door::Api(address)] {
            assert!(!is_refused(door, false, &[(HOST, "tombolo")]));
            assert!(is_refused(door, false, &[]));
            assert!(is_refused(door, false, &[(HOST, "evil.example")]));
            assert!(is_refused(door, false, &[(HOST, "tombolo"), (HOST, "evil.example")]));
            assert!(is_refused(door, false, &[(HOST, "tombolo"), (ORIGIN, "http://tombolo")]));
        }
        assert!(!is_refused(Door::Api(address), false, &[(HOST, "127.0.0.1:9")]));
        assert!(is_refused(Door::Socket, false, &[(HOST, "127.0.0.1:9")]));
    }

    #[test]
    fn the_own_page_is_heard_and_others_are_not() {
        let door = Door::Page("127.0.0.1:9".parse().expect("an address"));
        let own = (HOST, "127.0.0.1:9");
        assert!(!is_refused(door, false, std::slice::from_ref(&own)));
        assert!(!is_refused(door, false, &[own.clone(), (ORIGIN, "http://127.0.0.1:9")]));
        assert!(!is_refused(door, false, &[(HOST, "localhost:9"), (ORIGIN, "http://localhost:9")]));
        assert!(!is_refused(door, false, &[own.clone(), (SEC_FETCH_SITE, "same-origin")]));
        for origin in
            ["http://evil.example", "http://127.0.0.1:8", "https://127.0.0.1:9", "http://localhost:9", "null"]
        {
            assert!(is_refused(door, false, &[own.clone(), (ORIGIN, origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            assert!(is_refused(door, false, &[own.clone(), (SEC_FETCH_SITE, site)]), "{site}");
            assert!(!is_refused(door, true, &[own.clone(), (SEC_FETCH_SITE, site)]), "a link to the page");
        }
        for host in ["tombolo", "localhost", "evil.example:9", "127.0.0.1", "192.0.2.1:9"] {
            assert!(is_refused(door, false, &[(HOST, host)]), "{host}");
        }
        let everywhere = Door::Page("0.0.0.0:9".parse().expect("an address"));
        assert!(!is_refused(everywhere, false, &[(HOST, "192.0.2.1:9"), (ORIGIN, "http://192.0.2.1:9")]));
        assert!(is_refused(everywhere, false, &[(HOST, "evil.example:9")]));
    }
}
