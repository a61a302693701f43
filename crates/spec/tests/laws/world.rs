//! The vocabulary of grants, and the world of accesses they are judged on.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;
use tombolo_spec::grant::{HostPath, Scheme};
use tombolo_spec::{Access, ByteSize, Direction, Grant, GrantKind, Request};

pub(crate) const HOSTS: [&str; 29] = [
    "*",
    "example.com",
    "a.example.com",
    "*.example.com",
    "*.a.example.com",
    "other.org",
    "localhost",
    "*.localhost",
    "db",
    "db.internal",
    "*.internal",
    "*.db.internal",
    "printer.local",
    "*.local",
    "box.home.arpa",
    "*.com",
    "8.8.8.8",
    "8.8.8.0/24",
    "10.0.0.7",
    "10.0.0.0/9",
    "10.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "169.254.169.254",
    "168.63.129.0/24",
    "168.63.129.16",
    "fd00::/8",
    "fd00::1",
    "2606:4700::1111",
];

pub(crate) const NAMES: [&str; 15] = [
    "example.com",
    "a.example.com",
    "x.a.example.com",
    "Other.ORG.",
    "third.net",
    "localhost",
    "x.localhost",
    "db",
    "db.internal",
    "x.db.internal",
    "printer.local",
    "box.home.arpa",
    "scanner.local",
    "evilexample.com",
    "com",
];

pub(crate) const ADDRESSES: [&str; 24] = [
    "8.8.8.8",
    "8.8.8.9",
    "1.1.1.1",
    "10.0.0.7",
    "10.0.0.8",
    "10.200.0.1",
    "127.0.0.1",
    "169.254.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "168.63.129.17",
    "100.64.0.1",
    "0.0.0.0",
    "fd00::1",
    "fd00::2",
    "fd00:ec2::254",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "::ffff:10.0.0.7",
    "::10.0.0.7",
    "64:ff9b::10.0.0.7",
    "64:ff9b::169.254.169.254",
    "2002:808:808::1",
    "fd00::5efe:8.8.8.8",
];

pub(crate) const PORTS: [&str; 8] =
    ["80", "443", "80,443", "1-79", "1-443", "8000-8100", "8050,9000-65535", "*"];

pub(crate) const PATHS: [&str; 17] = [
    "/",
    "/*",
    "/v1",
    "/v1/",
    "/v1/*",
    "/v1/users",
    "/v1/users/*",
    "/v1/*/items",
    "/v1/*/*",
    "/*/users",
    "/*/users/*",
    "/*/*/items",
    "/*/",
    "/v1//items",
    "/v1/a%2Fb/items",
    "/v2/%7Ejoe",
    "/v2/%2A",
];

pub(crate) const URL_PATHS: [&str; 28] = [
    "/",
    "//",
    "/v1",
    "/v1/",
    "/v1/users",
    "/v1/users/",
    "/v1/users/items",
    "/v1/users/7",
    "/v1/7/items",
    "/v1/7/items?limit=3",
    "/v1//items",
    "/v1/a%2fb/items",
    "/v1/a%2Fb/c",
    "/v1/a/b/items",
    "/v2/users",
    "/v2/users/x",
    "/v2/x/items",
    "/v2/~joe",
    "/v2/%7ejoe",
    "/v2/*",
    "/v2/%2a",
    "/v1/../v2",
    "/v1/%2e%2E/v2",
    "/v1/..%2fv2",
    "/v1/users/..;x/items",
    "/v2/",
    "/v1\\users",
    "/v1/%252e%252e/",
];

/// A smaller vocabulary for whole `http` grants, which have four dimensions.
const HTTP_HOSTS: [&str; 10] = [
    "*",
    "example.com",
    "a.example.com",
    "*.example.com",
    "db.home.arpa",
    "*.home.arpa",
    "8.8.8.8",
    "[8.8.8.0/24]",
    "[10.0.0.0/8]",
    "[fd00::1]",
];
const HTTP_PATHS: [&str; 8] = ["/", "/*", "/v1/", "/v1/*", "/v1/users", "/v1/*/items", "/*/users", "/*/"];

pub(crate) const TOPICS: [&str; 16] = [
    "#", "+", "+/+", "+/#", "+/+/#", "a", "a/#", "a/+", "a/+/#", "a/b", "a/b/#", "a/+/c", "+/b/c", "$SYS/#",
    "$SYS/+", "a//c",
];

pub(crate) const TOPIC_NAMES: [&str; 17] = [
    "a", "b", "/", "a/", "a/b", "a/c", "b/b", "a/b/c", "a/x/c", "x/b/c", "a//c", "a/b/c/d", "$SYS", "$SYS/b",
    "$SYS/b/c", "a/$b", "",
];

pub(crate) const FOLDERS: [&str; 14] = [
    "/",
    "/srv",
    "/srv/site",
    "/srv/site/img",
    "/srv/sitemap",
    "/etc",
    ".",
    "./site",
    "./site/img",
    "..",
    "../site",
    "../..",
    "../../x",
    "\"a b\"",
];

/// A grant of this kind.
fn of_kind(kind: GrantKind) -> BoxedStrategy<String> {
    let access = || select(vec!["read", "read-write"]);
    let guest = || select(vec!["/", "/www", "/www/img", "."]);
    let ports = || select(PORTS.to_vec());
    let host = || {
        select(HOSTS.to_vec())
            .prop_map(|host| if host.contains(':') { format!("[{host}]") } else { host.into() })
    };
    match kind {
        GrantKind::Dir => (select(FOLDERS.to_vec()), guest(), access())
            .prop_map(|(host, guest, access)| format!("dir {host} as {guest} {access}"))
            .boxed(),
        GrantKind::Volume => (select(vec!["cache", "data"]), guest(), select(vec!["1KiB", "64MiB"]))
            .prop_map(|(name, guest, size)| format!("volume {name} as {guest} {size}"))
            .boxed(),
        GrantKind::Env => select(vec!["env A", "env A=", "env A=1", "env A=\"x y\\n\"", "env B", "env B=1"])
            .prop_map(str::to_owned)
            .boxed(),
        GrantKind::Secret => {
            select(vec!["secret a", "secret a reveal", "secret b"]).prop_map(str::to_owned).boxed()
        }
        GrantKind::Http => {
            let list = subsequence(vec!["GET", "POST", "PUT"], 1..=3).prop_map(|list| list.join(","));
            let methods = prop_oneof![3 => list, 1 => Just("*".to_owned())];
            let host = select(HTTP_HOSTS.to_vec());
            let ports = prop::option::of(select(vec!["80", "443", "80,443", "1-443", "8000-8100", "*"]));
            (methods, select(vec!["http", "https"]), host, ports, select(HTTP_PATHS.to_vec()))
                .prop_map(|(methods, scheme, host, ports, path)| {
                    let ports = ports.map(|ports| format!(":{ports}")).unwrap_or_default();
                    format!("http {methods} {scheme}://{host}{ports}{path}")
                })
                .boxed()
        }
        GrantKind::TcpConnect => {
            (host(), ports()).prop_map(|(host, ports)| format!("tcp connect {host}:{ports}")).boxed()
        }
        GrantKind::UdpConnect => {
            (host(), ports()).prop_map(|(host, ports)| format!("udp connect {host}:{ports}")).boxed()
        }
        GrantKind::ListenTcp => {
            select(vec!["listen tcp 80", "listen tcp 9000"]).prop_map(str::to_owned).boxed()
        }
        GrantKind::Dns => {
            let names = HOSTS
                .into_iter()
                .filter(|host| !host.contains([':', '/']) && !host.ends_with(char::is_numeric));
            select(names.collect::<Vec<_>>()).prop_map(|name| format!("dns {name}")).boxed()
        }
        GrantKind::Random => Just("random".to_owned()).boxed(),
        GrantKind::Clock => {
            select(vec!["clock 1ns", "clock 1ms", "clock 1000us", "clock 1s"]).prop_map(str::to_owned).boxed()
        }
        GrantKind::Kv => (select(vec!["readings", "jobs"]), access())
            .prop_map(|(store, access)| format!("kv {store} {access}"))
            .boxed(),
        GrantKind::Topic => (select(vec!["publish", "subscribe"]), select(TOPICS.to_vec()))
            .prop_map(|(direction, topic)| format!("topic {direction} {topic}"))
            .boxed(),
    }
}

fn parsed(line: String) -> Grant {
    line.parse().unwrap_or_else(|e| panic!("{e:#}"))
}

pub(crate) fn kind() -> impl Strategy<Value = GrantKind> {
    // The kinds with more than one dimension are where the bugs are.
    prop_oneof![
        3 => Just(GrantKind::Http),
        3 => select(vec![GrantKind::TcpConnect, GrantKind::UdpConnect, GrantKind::Dns, GrantKind::Topic, GrantKind::Dir]),
        2 => select(GrantKind::ALL.to_vec()),
    ]
}

pub(crate) fn grant() -> impl Strategy<Value = Grant> {
    kind().prop_flat_map(of_kind).prop_map(parsed)
}

/// Three grants, most often of one kind, since others share little.
pub(crate) fn three() -> impl Strategy<Value = (Grant, Grant, Grant)> {
    let same = kind().prop_flat_map(|kind| (of_kind(kind), of_kind(kind), of_kind(kind)));
    let same = same.prop_map(|(a, b, c)| (parsed(a), parsed(b), parsed(c)));
    let net = select(vec![GrantKind::TcpConnect, GrantKind::UdpConnect, GrantKind::Dns]);
    let network = (net.clone(), net.clone(), net)
        .prop_flat_map(|(a, b, c)| (of_kind(a), of_kind(b), of_kind(c)))
        .prop_map(|(a, b, c)| (parsed(a), parsed(b), parsed(c)));
    prop_oneof![5 => same, 1 => network, 1 => (grant(), grant(), grant())]
}

/// Every access of the world.
pub(crate) static WORLD: LazyLock<Vec<Request<'static>>> = LazyLock::new(world);

fn world() -> Vec<Request<'static>> {
    let mut world = vec![Request::Random];
    world.extend(files());
    world.extend(small());
    world.extend(network());
    world.extend(requests());
    world
}

fn both_accesses() -> [Access; 2] {
    [Access::Read, Access::ReadWrite]
}

fn files() -> Vec<Request<'static>> {
    let more = ["/srv/site/x", "/srvx", "./x", "./site/x", "../x", "../../y", "../../../z", "/x", "a b/c"];
    let quoted = |path: &str| path.trim_matches('"').to_owned();
    let paths: Vec<HostPath> =
        FOLDERS.iter().chain(&more).map(|path| quoted(path).parse().unwrap()).collect();
    let paths: &'static [HostPath] = paths.leak();
    paths.iter().flat_map(|path| both_accesses().map(|access| Request::Dir { path, access })).collect()
}

fn small() -> Vec<Request<'static>> {
    let mut world = Vec::new();
    for name in ["cache", "data", "other"] {
        world.extend(
            [1, 1 << 10, 1 << 11, 1 << 26, 1 << 27].map(|n| Request::Volume { name, size: ByteSize(n) }),
        );
    }
    for name in ["A", "B", "C"] {
        world.extend([None, Some(""), Some("1"), Some("x y\n")].map(|value| Request::Env { name, value }));
    }
    for name in ["a", "b", "c"] {
        world.extend([true, false].map(|reveal| Request::Secret { name, reveal }));
    }
    world.extend([80, 81, 9000].map(|port| Request::ListenTcp { port }));
    world.extend(
        [1, 500, 1_000_000, 999_999, 1_000_000_000]
            .map(|n| Request::Clock { resolution: Duration::from_nanos(n) }),
    );
    for store in ["readings", "jobs", "other"] {
        world.extend(both_accesses().map(|access| Request::Kv { store, access }));
    }
    for direction in [Direction::Publish, Direction::Subscribe] {
        world.extend(TOPIC_NAMES.map(|topic| Request::Topic { direction, topic }));
    }
    world
}

const SOME_PORTS: [u16; 8] = [1, 80, 443, 444, 8000, 8050, 8100, 9000];

const RESOLVED: [Option<&str>; 6] = [
    None,
    Some("8.8.8.8"),
    Some("10.0.0.7"),
    Some("127.0.0.1"),
    Some("169.254.1.1"),
    Some("169.254.169.254"),
];

type Place = (Option<&'static str>, Option<IpAddr>);

/// Each name with the addresses it may lead to, and each address for itself.
fn hosts(names: &[&'static str], resolved: &[Option<&str>], addresses: &[&'static str]) -> Vec<Place> {
    let resolved: Vec<Option<IpAddr>> = resolved.iter().map(|ip| ip.map(|ip| ip.parse().unwrap())).collect();
    let named = names.iter().flat_map(|name| resolved.iter().map(|ip| (Some(*name), *ip)));
    named.chain(addresses.iter().map(|ip| (None, Some(ip.parse().unwrap())))).collect()
}

fn network() -> Vec<Request<'static>> {
    let mut world: Vec<_> = NAMES.map(|name| Request::Resolve { name }).into();
    world.extend(ADDRESSES.map(|name| Request::Resolve { name }));
    for (host, ip) in hosts(&NAMES, &RESOLVED, &ADDRESSES) {
        for addr in SOME_PORTS.into_iter().filter_map(|port| Some(SocketAddr::new(ip?, port))) {
            world.extend([Request::TcpConnect { host, addr }, Request::UdpConnect { host, addr }]);
        }
    }
    world
}

/// Requests of the smaller vocabulary, in every combination.
fn requests() -> Vec<Request<'static>> {
    let mut world = Vec::new();
    let paths = [
        "/",
        "/v1",
        "/v1/",
        "/v1/users",
        "/v1/users/",
        "/v1/users/items",
        "/v1/7/items",
        "/v1/../v2",
        "/v2/users",
        "/v2/",
    ];
    let names =
        ["a.example.com", "Example.com.", "x.a.example.com", "third.net", "db.home.arpa", "x.home.arpa"];
    let addresses = [
        "8.8.8.8",
        "8.8.8.9",
        "1.1.1.1",
        "10.0.0.7",
        "10.0.0.8",
        "::ffff:10.0.0.7",
        "169.254.169.254",
        "fd00::1",
    ];
    for (name, addr) in hosts(&names, &RESOLVED[..3], &addresses) {
        let host = name.unwrap_or_else(|| addr.map(|ip| &*ip.to_string().leak()).unwrap_or_default());
        for (path, port) in paths.iter().flat_map(|path| [80, 81, 443, 8050].map(|port| (path, port))) {
            for (method, scheme) in ["GET", "POST", "PUT", "BREW"]
                .into_iter()
                .flat_map(|m| [(m, Scheme::Http), (m, Scheme::Https)])
            {
                world.push(Request::Http { method, scheme, host, addr, port, path });
            }
        }
    }
    world
}
