//! Accesses that are refused: why, what would permit them, and the ways round a grant that must not work.

use std::net::{IpAddr, SocketAddr};
use tombolo_spec::grant::{HostPath, Scheme, canonical_path};
use tombolo_spec::{
    Access, ByteSize, Digest, Direction, Grant, GrantSet, LimitOverrides, Limits, Name, Profile, Request,
    Trigger,
};

fn grants(lines: &[&str]) -> GrantSet {
    lines.iter().map(|line| line.parse::<Grant>().unwrap_or_else(|e| panic!("{e:#}"))).collect()
}

fn get<'a>(host: &'a str, addr: Option<&str>, path: &'a str) -> Request<'a> {
    let addr: Option<IpAddr> = addr.map(|ip| ip.parse().unwrap());
    Request::Http { method: "GET", scheme: Scheme::Https, host, addr, port: 443, path }
}

fn tcp<'a>(host: Option<&'a str>, addr: &str) -> Request<'a> {
    Request::TcpConnect { host, addr: addr.parse::<SocketAddr>().unwrap() }
}

#[track_caller]
fn check(lines: &[&str], request: &Request<'_>, expected: &str) {
    let set = grants(lines);
    assert_eq!(set.find_resolved(request), None, "{request} is permitted");
    let refusal = set.refusal(request);
    assert_eq!(refusal.to_string(), expected);
    if let Some(grant) = refusal.remedy {
        let widened: GrantSet = set.grants().cloned().chain([grant]).collect();
        assert!(widened.find_resolved(request).is_some(), "the remedy does not help");
    }
}

#[test]
fn a_refusal_says_why_and_what_would_permit_it() {
    check(
        &[],
        &get("api.example.com", None, "/v1/users?id=7"),
        "http GET https://api.example.com/v1/users: there is no grant for outgoing HTTP requests; \
         if it is meant, add the grant \"http GET https://api.example.com/v1/users\"",
    );
    check(
        &["http POST https://api.example.com/*"],
        &get("API.example.com", None, "/v1"),
        "http GET https://API.example.com/v1: the one grant for outgoing HTTP requests does not cover it; \
         if it is meant, add the grant \"http GET https://api.example.com/v1\"",
    );
    check(
        &["tcp connect 10.0.0.7:5432", "tcp connect *:443"],
        &tcp(None, "10.0.0.7:22"),
        "tcp connect 10.0.0.7:22: none of the 2 grants for outgoing TCP connections covers it; \
         if it is meant, add the grant \"tcp connect 10.0.0.7:22\"",
    );
}

#[test]
fn a_public_name_that_leads_into_this_network_is_refused_with_the_address() {
    check(
        &["http GET https://app.example.com/*"],
        &get("app.example.com", Some("10.1.2.3"), "/x"),
        "http GET https://app.example.com/x at 10.1.2.3: \"http GET https://app.example.com/*\" names the host, \
         but it leads to a private address, 10.1.2.3; if it is meant, add the grant \"http GET https://10.1.2.3/x\"",
    );
    check(
        &["tcp connect *.example.com:443"],
        &tcp(Some("db.example.com"), "[::ffff:169.254.169.254]:443"),
        "tcp connect db.example.com:443 at ::ffff:169.254.169.254: \"tcp connect *.example.com:443\" names the \
         host, but it leads to a metadata address, ::ffff:169.254.169.254; if it is meant, add the grant \
         \"tcp connect 169.254.169.254:443\"",
    );
    let both = grants(&["http GET https://app.example.com/*", "http GET https://[10.0.0.0/8]/*"]);
    let found = both.find_resolved(&get("app.example.com", Some("10.1.2.3"), "/x"));
    assert_eq!(found.unwrap().index(), 1, "a grant that names the address permits it");
    assert_eq!(both.find_resolved(&get("app.example.com", Some("192.168.0.1"), "/x")), None);
    assert_eq!(
        both.find(&get("other.example.com", None, "/x")),
        None,
        "a name nobody granted is not looked up"
    );
}

#[test]
fn a_private_name_leads_into_this_network_and_not_to_metadata_or_this_machine() {
    let set = grants(&[
        "tcp connect db.internal:5432",
        "tcp connect redis:6379",
        "tcp connect localhost:80",
        "tcp connect *:5432",
    ]);
    let permitted = |host, addr| set.find_resolved(&tcp(Some(host), addr)).is_some();
    assert!(permitted("db.internal", "10.0.0.7:5432"));
    assert!(permitted("db.internal", "[fd00::7]:5432"));
    assert!(permitted("db.internal", "8.8.8.8:5432"));
    assert!(permitted("redis", "172.17.0.2:6379"));
    assert!(permitted("localhost", "127.0.0.1:80"));
    assert!(!permitted("db.internal", "127.0.0.1:5432"));
    assert!(!permitted("db.internal", "169.254.169.254:5432"));
    assert!(!permitted("db.internal", "[fd00:ec2::254]:5432"));
    assert!(!permitted("localhost", "10.0.0.7:80"));
    assert!(!permitted("other.internal", "10.0.0.7:5432"), "* names public names only");
    assert!(!permitted("127.0.0.1", "10.0.0.7:5432"), "an address is no name for another one");
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_never_permitted() {
    let set = grants(&["http * https://api.example.com/*"]);
    for path in [
        "/v1/../admin",
        "/v1/./x",
        "/..",
        "/v1/..",
        "/v1/%2e%2e/admin",
        "/v1/.%2E/admin",
        "/v1/..%2fadmin",
        "/v1%2f..%2fadmin",
        "/v1/..;/admin",
        "/v1/..;x=y/admin",
        "/v1/%2e%2e%3bx/admin",
        "/v1\\..\\admin",
        "/v1/..%5cadmin",
        "/v1/%252e%252e/admin",
        "/v1/..%252fadmin",
        "/v1/%25252e/admin",
        "/v1/%255c",
        "/v1/%c0%ae%c0%ae/admin",
        "/v1/%e0%80%ae/admin",
        "/v1/%f0%80%80%ae/admin",
        "/v1/%00",
        "/v1/%0d%0aX: y",
        "/v1/\r\nX: y",
        "/v1/%",
        "/v1/%2",
        "/v1/%zz",
        "v1",
        "*",
        "",
        "https://api.example.com/v1",
    ] {
        let request = get("api.example.com", None, path);
        assert_eq!(set.find(&request), None, "{path:?} is permitted");
        assert_eq!(set.refusal(&request).remedy, None, "{path:?}");
        assert!(canonical_path(path).is_err());
    }
}

#[test]
fn unusual_paths_that_mean_one_thing_are_permitted_where_they_belong() {
    let set = grants(&[
        "http GET https://x.org/v1/*",
        "http GET https://x.org/p/a%2Fb/*",
        "http GET https://x.org/u/*/z",
    ]);
    let permitted = |path| set.find(&get("x.org", None, path)).is_some();
    for path in [
        "/v1/",
        "/v1//",
        "/v1/a%2Fb",
        "/v1/a%20b",
        "/v1/caf%C3%A9",
        "/v1/café",
        "/v1/x;v=1.2",
        "/v1/...",
        "/v1/100%25",
    ] {
        assert!(permitted(path), "{path:?} is refused");
    }
    assert!(permitted("/p/a%2fb/c") && !permitted("/p/a/b/c"), "an encoded slash is no slash");
    assert!(permitted("/%76%31/x"), "an escape that is not needed is none");
    assert!(permitted("/u/y/z") && !permitted("/u/y%2Fx/z") && !permitted("/u//z") && !permitted("/u/y/x/z"));
    assert!(!permitted("/v1") && !permitted("/V1/x") && !permitted("//v1/x"));
}

#[test]
fn hosts_in_other_spellings_are_the_same_host_or_none() {
    let set = grants(&["http GET https://bücher.example/*", "http GET https://127.0.0.1/*"]);
    let permitted = |host| set.find(&get(host, None, "/")).is_some();
    for host in [
        "bücher.example",
        "BÜCHER.example.",
        "xn--bcher-kva.example",
        "XN--BCHER-KVA.EXAMPLE",
        "127.0.0.1",
        "::ffff:127.0.0.1",
    ] {
        assert!(permitted(host), "{host:?} is refused");
    }
    for host in [
        "bucher.example",
        "xbücher.example",
        "user@bücher.example",
        "bücher.example:443",
        "bücher.example/",
        "bücher.example#",
        "bücher.example\0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "127.0.0.2",
        "localhost",
        "[::1]",
        "",
    ] {
        assert!(!permitted(host), "{host:?} is permitted");
    }
}

#[test]
fn the_narrowest_grant_permits_the_access_it_was_made_for_and_reads_back() {
    let path: HostPath = "/srv/my site".parse().unwrap();
    let up: HostPath = "../x".parse().unwrap();
    let requests = [
        Request::Dir { path: &path, access: Access::ReadWrite },
        Request::Dir { path: &up, access: Access::Read },
        Request::Volume { name: "cache", size: ByteSize(1000) },
        Request::Env { name: "LOG", value: Some("two words\n") },
        Request::Env { name: "LOG", value: None },
        Request::Secret { name: "a", reveal: true },
        get("Api.example.com", None, "/a b/%2A/*?q"),
        get("app.example.com", Some("10.0.0.1"), "/"),
        get("::1", None, "/"),
        tcp(None, "[::ffff:10.0.0.7]:22"),
        tcp(Some("db.internal"), "10.0.0.7:22"),
        Request::UdpConnect { host: None, addr: "[2606:4700::1111]:53".parse().unwrap() },
        Request::ListenTcp { port: 80 },
        Request::Resolve { name: "a.example.com" },
        Request::Random,
        Request::Clock { resolution: std::time::Duration::from_micros(1500) },
        Request::Kv { store: "jobs", access: Access::Read },
        Request::Topic { direction: Direction::Publish, topic: "a/two words" },
    ];
    for request in requests {
        let grant = request.narrowest().unwrap_or_else(|| panic!("{request} has no grant"));
        let set = GrantSet::new([Some(grant.clone()), before_lookup(&request)].into_iter().flatten());
        assert!(set.find_resolved(&request).is_some(), "{grant} does not permit {request}");
        assert_eq!(grant.to_string().parse::<Grant>(), Ok(grant));
    }
    for request in [
        tcp(None, "0.0.0.0:0"),
        Request::ListenTcp { port: 0 },
        Request::Resolve { name: "10.0.0.1" },
        Request::Kv { store: "../x", access: Access::Read },
        Request::Topic { direction: Direction::Publish, topic: "a/#" },
        Request::Env { name: "A=B", value: None },
        Request::Http {
            method: "CONNECT",
            scheme: Scheme::Https,
            host: "x.org",
            addr: None,
            port: 443,
            path: "/",
        },
    ] {
        assert_eq!(request.narrowest(), None, "{request}");
    }
}

/// The grant for the name alone: an address that a name led to needs one for itself besides.
fn before_lookup(request: &Request<'_>) -> Option<Grant> {
    match *request {
        Request::Http { method, scheme, host, addr: Some(_), port, path } => {
            Request::Http { method, scheme, host, addr: None, port, path }.narrowest()
        }
        _ => None,
    }
}

#[test]
fn types_stand_in_json_as_their_text() {
    let set = grants(&["http GET https://api.example.com/v1/*", "env A=\"b c\""]);
    let json = serde_json::to_string(&set).unwrap();
    assert_eq!(json, r#"["http GET https://api.example.com/v1/*","env A=\"b c\""]"#);
    assert_eq!(serde_json::from_str::<GrantSet>(&json).unwrap(), set);
    let error = serde_json::from_str::<GrantSet>(r#"["randm"]"#).unwrap_err().to_string();
    assert!(error.contains("did you mean \"random\"?"), "{error}");
    let limits: LimitOverrides = serde_json::from_str(r#"{"memory":"32MiB"}"#).unwrap();
    assert_eq!(serde_json::to_string(&limits).unwrap(), r#"{"memory":"32MiB"}"#);
    assert!(serde_json::from_str::<LimitOverrides>(r#"{"memory":"0B"}"#).is_err());
    let run = serde_json::to_value(Limits::defaults(Profile::Run)).unwrap();
    assert_eq!((&run["memory"], &run["time"]), (&"64MiB".into(), &"none".into()));
    let digest: Digest = format!("sha256:{}", "0f".repeat(32)).parse().unwrap();
    for text in [serde_json::to_string(&digest), serde_json::to_string(&"api".parse::<Name>().unwrap())] {
        assert!(text.unwrap().starts_with('"'));
    }
    let trigger: Trigger = serde_json::from_str("\"every 60s\"").unwrap();
    assert_eq!(serde_json::to_string(&trigger).unwrap(), "\"every 1m\"");
}
