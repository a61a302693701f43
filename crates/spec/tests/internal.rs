//! Grants for apps of a node: what they name, and how they compare with others.

use proptest::prelude::*;
use proptest::sample::select;
use tombolo_spec::grant::{HostName, HostPattern, Scheme};
use tombolo_spec::{Grant, GrantSet, Request};

/// Hosts by which grants name apps.
const HOSTS: [&str; 8] = [
    "billing.internal",
    "shop.internal",
    "billing.acme.internal",
    "shop.acme.internal",
    "billing.other.internal",
    "*.acme.internal",
    "*.other.internal",
    "*.internal",
];
/// Hosts that guests ask for.
const NAMES: [&str; 8] = [
    "billing.internal",
    "Shop.Internal.",
    "billing.acme.internal",
    "shop.acme.internal",
    "billing.other.internal",
    "acme.internal",
    "example.com",
    "db.home.arpa",
];
/// Grants that name hosts of other kinds, all of them as wide as such a grant can be.
const OTHERS: [&str; 10] = [
    "http * http://*/*",
    "http * https://*/*",
    "http * http://*:*/*",
    "http * http://*.com/*",
    "http * http://*.home.arpa:*/*",
    "http * http://*.localhost/*",
    "http * http://*.local/*",
    "http * http://[10.0.0.0/8]/*",
    "http * http://127.0.0.1/*",
    "http * http://db/*",
];

fn grant(line: &str) -> Grant {
    line.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn grants() -> impl Strategy<Value = Grant> {
    (select(&["*", "GET", "GET,POST"][..]), select(&HOSTS[..]), select(&["/", "/*", "/v1/*"][..]))
        .prop_map(|(methods, host, path)| grant(&format!("http {methods} http://{host}{path}")))
}

fn accesses() -> impl Iterator<Item = Request<'static>> {
    NAMES.iter().flat_map(|host| {
        ["GET", "POST", "PUT"].iter().flat_map(move |method| {
            ["/", "/v1/x", "/v2"].iter().flat_map(move |path| {
                [(Scheme::Http, 80), (Scheme::Http, 8080), (Scheme::Https, 443), (Scheme::Https, 80)]
                    .map(|(scheme, port)| Request::Http { method, scheme, host, addr: None, port, path })
            })
        })
    })
}

/// The host of a request for an app that can be called: by http on port 80.
fn callable(request: &Request<'_>) -> bool {
    let Request::Http { scheme: Scheme::Http, host, port: 80, .. } = request else { return false };
    host.parse::<HostName>().is_ok_and(|name| matches!(name.app(), Some(Ok(_))))
}

proptest! {
    #[test]
    fn a_grant_for_apps_permits_calls_alone(grant in grants()) {
        for request in accesses().filter(|request| grant.permits(request)) {
            prop_assert!(callable(&request), "{grant} permits {request}");
        }
        prop_assert_eq!(grant.to_string().parse::<Grant>(), Ok(grant));
    }

    #[test]
    fn what_two_grants_for_apps_have_in_common_is_what_both_permit(a in grants(), b in grants()) {
        let meet = a.meet(&b);
        for request in accesses() {
            let both = a.permits(&request) && b.permits(&request);
            let got = meet.as_ref().is_some_and(|meet| meet.permits(&request));
            prop_assert_eq!(got, both, "{} ∩ {} and {}", &a, &b, &request);
        }
        if a.covers(&b) {
            prop_assert!(accesses().all(|request| !b.permits(&request) || a.permits(&request)), "{a} {b}");
        }
    }

    #[test]
    fn no_grant_for_other_hosts_has_anything_in_common_with_one_for_apps(a in grants(), b in select(&OTHERS[..])) {
        let b = grant(b);
        prop_assert_eq!(a.meet(&b), None, "{} {}", &a, &b);
        prop_assert_eq!(b.meet(&a), None, "{} {}", &a, &b);
        prop_assert!(!b.covers(&a) && !GrantSet::new(OTHERS.map(grant)).covers(&GrantSet::new([a])));
    }
}

#[test]
fn the_widest_public_grants_permit_no_call() {
    let all = GrantSet::new(OTHERS.map(grant));
    let calls: Vec<_> = accesses().filter(callable).collect();
    assert!(calls.len() > 20);
    for request in calls {
        assert!(!all.permits(&request), "{request}");
    }
}

#[test]
fn an_app_of_the_own_tenant_is_one_name_with_one_label() {
    for (host, is_own) in [
        ("billing.internal", true),
        ("billing.acme.internal", false),
        ("*.internal", false),
        ("*.acme.internal", false),
        ("internal", false),
        ("billing.example.com", false),
        ("*", false),
    ] {
        assert_eq!(host.parse::<HostPattern>().expect("a pattern").is_own_app(), is_own, "{host}");
    }
}
