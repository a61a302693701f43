//! What each kind of grant permits and what it does not: the meaning that the laws are laws about.

use std::time::Duration;
use tombolo_spec::grant::{HostPath, Scheme};
use tombolo_spec::{Access, ByteSize, Direction, Grant, Request};

#[track_caller]
fn check<'a>(grant: &str, ask: impl Fn(&'a str) -> Request<'a>, permitted: &[&'a str], refused: &[&'a str]) {
    let grant: Grant = grant.parse().unwrap_or_else(|e| panic!("{e:#}"));
    for text in permitted {
        assert!(grant.permits(&ask(text)), "{grant} refuses {text}");
    }
    for text in refused {
        assert!(!grant.permits(&ask(text)), "{grant} permits {text}");
    }
}

fn resolve(name: &str) -> Request<'_> {
    Request::Resolve { name }
}

fn connect(addr: &str) -> Request<'_> {
    Request::TcpConnect { host: None, addr: addr.parse().unwrap() }
}

fn fetch(path: &str) -> Request<'_> {
    Request::Http { method: "GET", scheme: Scheme::Https, host: "x.org", addr: None, port: 443, path }
}

#[test]
fn names() {
    check(
        "dns example.com",
        resolve,
        &["example.com", "EXAMPLE.com."],
        &["x.example.com", "com", "example.com.evil.org"],
    );
    check(
        "dns *.example.com",
        resolve,
        &["x.example.com", "a.b.example.com"],
        &["example.com", "evilexample.com", "xexample.com", "example.com.evil.org", ".example.com"],
    );
    check(
        "dns *",
        resolve,
        &["example.com", "a.b.c.org", "internal.example.com", "localhost.example.com", "notinternal.org"],
        &[
            "localhost",
            "x.localhost",
            "db",
            "db.internal",
            "x.db.internal",
            "nas.local",
            "box.home.arpa",
            "home.arpa",
            "10.0.0.1",
        ],
    );
    check("dns *.internal", resolve, &["db.internal", "a.b.internal"], &["internal", "xinternal", "x.org"]);
}

#[test]
fn a_grant_to_connect_lets_its_names_be_looked_up() {
    for kind in ["tcp", "udp"] {
        check(
            &format!("{kind} connect *.example.com:443"),
            resolve,
            &["x.example.com"],
            &["example.com", "x.org"],
        );
        check(&format!("{kind} connect 10.0.0.0/8:443"), resolve, &[], &["x.org", "10.0.0.1"]);
    }
    check("http GET https://x.org/*", resolve, &[], &["x.org"]);
}

#[test]
fn addresses_and_ports() {
    check(
        "tcp connect 10.0.0.0/8:80,1000-2000",
        connect,
        &[
            "10.0.0.0:80",
            "10.255.255.255:1000",
            "10.1.2.3:2000",
            "[::ffff:10.1.2.3]:80",
            "[64:ff9b::10.1.2.3]:80",
            "[2002:a01:203::]:80",
        ],
        &[
            "9.255.255.255:80",
            "11.0.0.0:80",
            "10.1.2.3:81",
            "10.1.2.3:999",
            "10.1.2.3:2001",
            "[fe80::5efe:10.1.2.3]:80",
        ],
    );
    check(
        "tcp connect *:*",
        connect,
        &["8.8.8.8:1", "[2606:4700::1111]:65535", "[::ffff:8.8.8.8]:1"],
        &[
            "8.8.8.8:0",
            "10.0.0.1:1",
            "127.0.0.1:1",
            "169.254.169.254:80",
            "[::1]:1",
            "[fd00::1]:1",
            "0.0.0.0:1",
            "[::]:1",
            "[::ffff:10.0.0.1]:1",
        ],
    );
    check(
        "tcp connect 169.254.0.0/16:80",
        connect,
        &["169.254.1.1:80"],
        &["169.254.169.254:80", "169.254.170.2:80"],
    );
    check(
        "tcp connect 169.254.169.254:80",
        connect,
        &["169.254.169.254:80", "[::ffff:169.254.169.254]:80"],
        &["169.254.1.1:80"],
    );
    check(
        "tcp connect [fd00::/8]:80",
        connect,
        &["[fd12::1]:80"],
        &["[fd00:ec2::254]:80", "[fc00::1]:80", "[fd00::5efe:8.8.8.8]:80"],
    );
    check("tcp connect x.org:443", connect, &[], &["8.8.8.8:443"]);
    check("udp connect 10.0.0.7:514", connect, &[], &["10.0.0.7:514"]);
}

#[test]
fn paths() {
    check(
        "http GET https://x.org/v1",
        fetch,
        &["/v1", "/v1?q", "/%761"],
        &["/", "/v1/", "/v1/a", "/v2", "/V1"],
    );
    check(
        "http GET https://x.org/v1/*",
        fetch,
        &["/v1/", "/v1/a", "/v1/a/b/", "/v1//"],
        &["/v1", "/v1x", "/", "/v2/a"],
    );
    check(
        "http GET https://x.org/v1/*/b",
        fetch,
        &["/v1/a/b", "/v1/%2A/b"],
        &["/v1/b", "/v1//b", "/v1/a/a/b", "/v1/a/b/", "/v1/a%2Fc/b"],
    );
    check("http GET https://x.org/*", fetch, &["/", "/a", "/a/b", "//"], &["", "a", "*"]);
    check("http GET https://x.org/", fetch, &["/", "/?a=b"], &["/a", "//"]);
}

#[test]
fn methods_schemes_and_hosts() {
    let ask = |text: &'static str| {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap();
        let (method, scheme, host) = (word(), word(), word());
        let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
        Request::Http { method, scheme, host, addr: None, port: word().parse().unwrap(), path: "/" }
    };
    check(
        "http GET,POST https://x.org/*",
        ask,
        &["GET https x.org 443", "POST https X.org 443"],
        &[
            "HEAD https x.org 443",
            "get https x.org 443",
            "GET http x.org 443",
            "GET https x.org 8443",
            "GET https y.org 443",
        ],
    );
    check(
        "http * http://x.org/*",
        ask,
        &["BREW http x.org 80"],
        &["CONNECT http x.org 80", "GET https x.org 80"],
    );
    check(
        "http GET http://[::1]:8080/*",
        ask,
        &["GET http ::1 8080", "GET http [::1] 8080"],
        &["GET http localhost 8080"],
    );
}

#[test]
fn topics() {
    let publish = |topic| Request::Topic { direction: Direction::Publish, topic };
    check("topic publish a/+/c", publish, &["a/b/c", "a//c"], &["a/c", "a/b/b/c", "a/b/c/d", "a/b", "A/b/c"]);
    check("topic publish a/#", publish, &["a", "a/", "a/b/c"], &["b", "ab", "/a", "a/+", "a/#", "a/\0"]);
    check("topic publish #", publish, &["a", "/", "a/b", "a/$b"], &["", "$SYS", "$SYS/a"]);
    check("topic publish +/a", publish, &["x/a", "/a"], &["$SYS/a", "a"]);
    check("topic publish $SYS/#", publish, &["$SYS", "$SYS/a"], &["SYS/a"]);
    check("topic subscribe #", publish, &[], &["a"]);
}

#[test]
fn folders() {
    let texts = ["/srv", "/srv/a/b", "/srv/..x", "/srvx", "/", "srv", "/etc"];
    let paths: &'static [HostPath] = texts.map(|path| path.parse().unwrap()).to_vec().leak();
    let ask = |text: &'static str, access| {
        let path = paths.iter().find(|path| path.as_str() == text).unwrap();
        Request::Dir { path, access }
    };
    let (inside, outside) = (["/srv", "/srv/a/b", "/srv/..x"], ["/srvx", "/", "srv", "/etc"]);
    check("dir /srv as /x read", |path| ask(path, Access::Read), &inside, &outside);
    check("dir /srv as /x read", |path| ask(path, Access::ReadWrite), &[], &inside);
    check("dir /srv as /x read-write", |path| ask(path, Access::ReadWrite), &inside, &outside);
    check("dir . as . read", |path| ask(path, Access::Read), &["srv"], &["/srv"]);
}

#[test]
fn the_rest() {
    let volume =
        |text: &'static str| Request::Volume { name: "cache", size: ByteSize(text.parse().unwrap()) };
    check("volume cache as /c 1KiB", volume, &["0", "1024"], &["1025"]);
    check("volume other as /c 1KiB", volume, &[], &["0"]);
    let env = |value: &'static str| Request::Env { name: "LOG", value: value.strip_prefix('=') };
    check("env LOG=info", env, &["=info"], &["=", "=Info", "inherited"]);
    check("env LOG", env, &["=info", "=", "inherited"], &[]);
    check("env LOGS", env, &[], &["=info", "inherited"]);
    let secret = |text: &'static str| Request::Secret { name: "a", reveal: text == "reveal" };
    check("secret a", secret, &["use"], &["reveal"]);
    check("secret a reveal", secret, &["use", "reveal"], &[]);
    check("secret b reveal", secret, &[], &["use", "reveal"]);
    let clock =
        |text: &'static str| Request::Clock { resolution: Duration::from_nanos(text.parse().unwrap()) };
    check("clock 1us", clock, &["1000", "1001"], &["999", "0"]);
    let kv = |text: &'static str| Request::Kv {
        store: "jobs",
        access: if text == "read" { Access::Read } else { Access::ReadWrite },
    };
    check("kv jobs read", kv, &["read"], &["write"]);
    check("kv jobs read-write", kv, &["read", "write"], &[]);
    check("kv job read-write", kv, &[], &["read"]);
    let listen = |text: &'static str| Request::ListenTcp { port: text.parse().unwrap() };
    check("listen tcp 80", listen, &["80"], &["0", "81"]);
    check("random", listen, &[], &["80"]);
}
