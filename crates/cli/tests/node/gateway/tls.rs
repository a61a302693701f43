//! TLS at the gateway, as curl and openssl see it.

use std::path::Path;
use std::process::Command;

use crate::certificates::Certificate;
use crate::common::{TempDir, finish, folder, tombolo};
use crate::world::{App, ENVIRONMENT, Node, path, signal};

const ON: &str = "http * /*";

/// Puts a certificate for these names where a node looks for it.
fn place(folder: &Path, name: &str, dns_names: &[&str]) {
    let made = Certificate::make(folder, name, dns_names);
    put(&made.certificate, &folder.join(format!("config/certificates/{name}.pem")));
    put(&made.key, &folder.join(format!("config/certificates/{name}.key")));
}

/// Puts a copy of a file in another's place, as editors and certificate clients do.
pub(super) fn put(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
    let new = to.with_extension("new");
    std::fs::copy(from, &new).expect("copied");
    std::fs::rename(new, to).expect("renamed");
}

fn start(folder: TempDir) -> Node {
    Node::start_in(folder, "https://127.0.0.1:0", &[], None, crate::common::binary())
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').expect("a port").1
}

fn curl(node: &Node, trusted: &str, flags: &[&str]) -> Option<String> {
    curl_at(node, &node.address, trusted, flags)
}

/// What curl gets, if it trusts whom it asks.
pub(super) fn curl_at(node: &Node, address: &str, trusted: &str, flags: &[&str]) -> Option<String> {
    let trusted = node.folder.path().join(format!("{trusted}.crt"));
    let port = port(address);
    let (to, url) = (format!("localhost:{port}:127.0.0.1"), format!("https://localhost:{port}/"));
    let mut command = Command::new("curl");
    command.args(["-sS", "--resolve", &to, "--cacert", path(&trusted)]).args(flags).arg(url);
    let output = command.output().expect("curl runs");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn http_1_1_and_2_are_spoken_and_the_guest_learns_who_asks() {
    let folder = folder(&[]);
    place(folder.path(), "a", &["localhost"]);
    let node = start(folder);
    node.apply(&App { wat: ENVIRONMENT.into(), ..App::saying("web", ON, "") }).exits(0);
    let claims = ["-H", "x-forwarded-proto: http", "-H", "x-forwarded-for: 6.6.6.6"];
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = curl(&node, "a", &[&[flag, "-w", "%{http_version}"][..], &claims].concat());
        let answer = answer.expect("an answer");
        let variables: Vec<&str> = answer.split('\0').collect();
        for expected in ["HTTPS=on", "REMOTE_ADDR=127.0.0.1"] {
            assert!(variables.contains(&expected), "no {expected}: {variables:?}");
        }
        assert!(answer.ends_with(version), "{answer}");
    }
    let plain =
        Command::new("curl").args(["-s", &format!("http://127.0.0.1:{}/", port(&node.address))]).output();
    assert!(!plain.expect("curl runs").status.success(), "plain HTTP is not spoken there");
}

#[test]
fn each_name_gets_its_certificate_and_all_others_the_default() {
    let folder = folder(&[]);
    place(folder.path(), "a", &["one.example"]);
    place(folder.path(), "b", &["*.two.example"]);
    place(folder.path(), "default", &["other.example"]);
    let node = start(folder);
    for (name, expected) in [("one.example", "a"), ("x.two.example", "b"), ("nobody.example", "default")] {
        let address = format!("127.0.0.1:{}", port(&node.address));
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address, "-servername", name]);
        let shown = finish(&mut command, b"").stdout;
        let subject = shown.lines().find(|line| line.starts_with("subject=")).unwrap_or("").to_owned();
        assert_eq!(subject.replace(' ', ""), format!("subject=CN={expected}"), "{name}");
    }
}

#[test]
fn certificates_follow_their_folder_and_broken_ones_change_nothing() {
    let folder = folder(&[]);
    for name in ["two", "three"] {
        Certificate::make(folder.path(), name, &["localhost"]);
    }
    place(folder.path(), "one", &["localhost"]);
    let node = start(folder);
    node.apply(&App::saying("web", ON, "hello")).exits(0);
    let trusts = |name: &str| curl(&node, name, &[]).as_deref() == Some("hello");
    let take = |name: &str, extension: &str, place: &str| {
        let from = node.folder.path().join(format!("{name}.{extension}"));
        put(&from, &node.folder.path().join("config/certificates").join(place));
    };
    let said = |text: &str, times: usize| {
        node.until(text, || node.log().matches(text).count() >= times);
    };
    assert!(trusts("one") && !trusts("two"));
    take("two", "crt", "one.pem");
    take("two", "key", "one.key");
    said("other certificates are in use", 1);
    assert!(trusts("two") && !trusts("one"));
    take("three", "key", "one.key");
    said("one.key: it does not fit the certificate", 1);
    said("the certificates before stay in use", 1);
    assert!(trusts("two"));
    signal(node.pid(), "HUP");
    said("the certificates before stay in use", 2);
    signal(node.gateway().expect("a gateway"), "KILL");
    node.until("another gateway has them too", || trusts("two"));
    take("three", "crt", "one.pem");
    said("other certificates are in use", 2);
    assert!(trusts("three"));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn a_node_that_lacks_a_certificate_does_not_start_and_says_what_to_do() {
    let folder = folder(&[]);
    let start = |folder: &TempDir| {
        let mut command = tombolo(["node", "--listen", "https://127.0.0.1:0"]);
        for (flag, name) in [("--state", "state"), ("--runtime", "run"), ("--config", "config")] {
            command.arg(flag).arg(folder.path().join(name));
        }
        finish(&mut command, b"")
    };
    start(&folder).exits(125).says("config/certificates has none").says("NAME.pem");
    place(folder.path(), "a", &["localhost"]);
    std::fs::remove_file(folder.path().join("config/certificates/a.key")).expect("removed");
    start(&folder).exits(125).says("a.key");
    std::fs::write(folder.path().join("config/certificates/a.key"), "nonsense").expect("written");
    start(&folder).exits(125).says("a.key");
}
