//! Routes: which one takes a request, and when no rule says so.

use proptest::prelude::*;
use proptest::sample::select;
use std::cmp::Ordering;
use tombolo_spec::Manifest;
use tombolo_spec::trigger::{Route, Trigger};

fn route(line: &str) -> Route {
    let trigger: Trigger = format!("http {line}").parse().unwrap_or_else(|e| panic!("{e:#}"));
    trigger.route().unwrap().clone()
}

const METHODS: [&str; 6] = ["*", "GET", "POST", "GET,POST", "POST,PUT", "PUT"];
const HOSTS: [&str; 6] =
    ["", "api.example.com", "*.example.com", "*.api.example.com", "192.0.2.1", "db.internal"];
const PATHS: [&str; 9] = ["/", "/*", "/a", "/a/*", "/a/b", "/*/b", "/a/*/c", "/*/b/c", "/a/*/*"];

fn any_route() -> impl Strategy<Value = Route> {
    (select(METHODS.to_vec()), select(HOSTS.to_vec()), select(PATHS.to_vec()))
        .prop_map(|(methods, host, path)| route(&format!("{methods} {host}{path}")))
}

fn requests() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let hosts = [
        "api.example.com",
        "API.Example.com.:8443",
        "x.api.example.com",
        "192.0.2.1:80",
        "db.internal",
        "other.org",
        "",
    ];
    let paths = ["/", "/a", "/a/", "/a/b", "/x/b", "/a/b/c", "/a/b/c?q=1", "/a/%62/c", "/x/y/z"];
    let methods = ["GET", "POST", "PUT", "BREW"];
    hosts.into_iter().flat_map(move |host| {
        paths.into_iter().flat_map(move |path| methods.into_iter().map(move |method| (method, host, path)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_routes_conflict_exactly_when_a_request_fits_both_and_neither_comes_first(a in any_route(), b in any_route()) {
        let shared = requests().find(|(method, host, path)| a.matches(method, host, path) && b.matches(method, host, path));
        let undecided = shared.is_some() && a.precedence(&b) == Ordering::Equal;
        prop_assert_eq!(a.conflicts(&b), undecided, "{} and {}: {:?}", a, b, shared);
        prop_assert_eq!(a.conflicts(&b), b.conflicts(&a));
        prop_assert!(a.conflicts(&a));
    }

    #[test]
    fn the_order_of_routes_is_one(a in any_route(), b in any_route(), c in any_route()) {
        prop_assert_eq!(a.precedence(&b), b.precedence(&a).reverse());
        if a.precedence(&b) == Ordering::Less && b.precedence(&c) == Ordering::Less {
            prop_assert_eq!(a.precedence(&c), Ordering::Less);
        }
    }

    #[test]
    fn a_manifest_refuses_exactly_the_routes_that_conflict(routes in prop::collection::vec(any_route(), 1..6)) {
        let mut text = "name = \"x\"\nversion = \"1\"\n".to_owned();
        for (i, route) in routes.iter().enumerate() {
            text += &format!("[functions.f{i}]\ncomponent = \"f.wasm\"\non = [\"http {route}\"]\n");
        }
        let conflicting = (0..routes.len()).filter(|i| routes[..*i].iter().any(|other| other.conflicts(&routes[*i])));
        let problems = Manifest::parse(&text, "m.toml").map_or_else(|problems| problems.len(), |_| 0);
        prop_assert_eq!(problems, conflicting.count(), "{}", text);
    }
}

#[test]
fn the_most_specific_route_comes_first() {
    let order = [
        "GET api.example.com/a/b",
        "* api.example.com/a/b",
        "GET api.example.com/*",
        "GET 192.0.2.1/*",
        "GET *.api.example.com/a",
        "GET *.example.com/a/b",
        "GET *.example.com/*",
        "GET /a/b/c",
        "* /a/b/c",
        "GET /a/b",
        "GET /a/b/*",
        "GET /a/*/c",
        "GET /a/*/*",
        "GET /a",
        "GET /a/*",
        "GET /*/b",
        "* /*/b",
        "GET /*",
        "* /*",
    ];
    let mut routes: Vec<Route> = order.iter().rev().map(|line| route(line)).collect();
    routes.sort_by(Route::precedence);
    let sorted: Vec<String> = routes.iter().map(ToString::to_string).collect();
    assert_eq!(sorted, order);
}

#[test]
fn a_route_takes_its_requests_and_no_others() {
    let api = route("GET,POST api.example.com/api/*");
    assert!(api.matches("GET", "api.example.com", "/api/users?id=7"));
    assert!(api.matches("POST", "API.example.com:8443", "/api/"));
    assert!(!api.matches("PUT", "api.example.com", "/api/users"));
    assert!(!api.matches("GET", "example.com", "/api/users"));
    assert!(!api.matches("GET", "x.api.example.com", "/api/users"));
    assert!(!api.matches("GET", "api.example.com", "/api"));
    assert!(!api.matches("GET", "api.example.com", "/api/../admin"));
    assert!(!api.matches("GET", "api.example.com", "/api/%2e%2e/admin"));
    assert!(!api.matches("GET", "", "/api/users"));
    assert!(route("GET [fd00::1]/api").matches("GET", "[fd00::1]:8080", "/api"));
    assert!(!route("GET [fd00::1]/api").matches("GET", "[fd00::2]", "/api"));
}
