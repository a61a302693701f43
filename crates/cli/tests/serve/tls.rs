//! TLS as curl, nghttp and h2load see it.

use std::process::Command;

use crate::certificates::Certificate;
use crate::common::{TempDir, folder, guest};
use crate::world::{Server, certificate_flags, curl, run};

fn serve(folder: &TempDir, certificates: &[&Certificate], guest_name: &str) -> Server {
    let guest = guest(guest_name);
    let flags: Vec<String> =
        certificates.iter().flat_map(|certificate| certificate_flags(certificate)).collect();
    let mut args = vec![guest.to_str().expect("a path in UTF-8")];
    // A busy machine is no reason to send h2load away.
    args.extend(["-l", "concurrency=512", "-l", "queue-time=60s"]);
    args.extend(flags.iter().map(String::as_str));
    assert!(folder.path().exists());
    Server::start(&args)
}

fn port(server: &Server) -> &str {
    server.address.rsplit_once(':').expect("a port").1
}

#[test]
fn http_2_and_http_1_1_are_spoken_as_the_client_asks() {
    let folder = folder(&[]);
    let certificate = Certificate::make(folder.path(), "a", &["localhost"]);
    let server = serve(&folder, &[&certificate], "rust-http-hello");
    let url = format!("https://localhost:{}/", port(&server));
    let trusted = certificate.certificate.to_str().expect("a path in UTF-8");
    for (flag, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answer = curl(&[
            "--cacert",
            trusted,
            flag,
            "-w",
            "%{http_version} %{ssl_verify_result}",
            "-o",
            "/dev/null",
            &url,
        ]);
        assert_eq!(answer, format!("{version} 0"));
    }
    for version in ["--tlsv1.2", "--tlsv1.3"] {
        let max = if version == "--tlsv1.2" { "1.2" } else { "1.3" };
        curl(&["--cacert", trusted, version, "--tls-max", max, &url]);
    }
    let old = Command::new("curl").args(["-sk", "--tls-max", "1.1", &url]).output().expect("curl runs");
    assert!(!old.status.success(), "TLS 1.1 is not spoken");
    let plain = Command::new("curl").args(["-s", &url.replace("https", "http")]).output().expect("curl runs");
    assert!(!plain.status.success(), "nor is plain HTTP on this socket");
}

#[test]
fn each_name_gets_its_certificate_and_all_others_the_first() {
    let folder = folder(&[]);
    let first = Certificate::make(folder.path(), "first", &["one.example"]);
    let second = Certificate::make(folder.path(), "second", &["two.example", "*.wild.example"]);
    let server = serve(&folder, &[&first, &second], "rust-http-hello");
    let subject = |name: Option<&str>| {
        let mut args = vec!["s_client", "-connect", &server.address];
        match name {
            Some(name) => args.extend(["-servername", name]),
            None => args.push("-noservername"),
        }
        let shown = run(Command::new("openssl").args(args));
        let line = shown.lines().find(|line| line.starts_with("subject=")).unwrap_or("").to_owned();
        line.replace("subject=CN = ", "")
    };
    for (name, expected) in [
        (Some("one.example"), "first"),
        (Some("two.example"), "second"),
        (Some("TWO.example"), "second"),
        (Some("a.wild.example"), "second"),
        (Some("a.b.wild.example"), "first"),
        (Some("wild.example"), "first"),
        (Some("other.example"), "first"),
        (None, "first"),
    ] {
        assert_eq!(subject(name), expected, "{name:?}");
    }
}

#[test]
fn nghttp_and_h2load_find_nothing_to_object_to() {
    let folder = folder(&[]);
    let certificate = Certificate::make(folder.path(), "a", &["localhost"]);
    let server = serve(&folder, &[&certificate], "rust-http-faults");
    let url = |path: &str| format!("https://127.0.0.1:{}{path}", port(&server));
    let one = run(Command::new("nghttp").args(["-v", "--no-verify-peer", &url("/trailers")]));
    for part in [":status: 200", "abc", "x-sum: 6", "END_STREAM"] {
        assert!(one.contains(part), "no {part:?}: {one}");
    }
    let head = run(Command::new("nghttp").args(["-v", "--no-verify-peer", "-H", ":method: HEAD", &url("/")]));
    assert!(head.contains(":status: 200") && !head.contains("hello"), "{head}");
    let many = run(Command::new("h2load").args(["-n", "2000", "-c", "8", "-m", "32", &url("/")]));
    assert!(many.contains("2000 succeeded, 0 failed"), "{many}");
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'x'; 900_000]).expect("a file can be written");
    let large = large.to_str().expect("a path in UTF-8");
    let echo =
        run(Command::new("h2load").args(["-n", "32", "-c", "2", "-m", "4", "-d", large, &url("/echo")]));
    assert!(echo.contains("32 succeeded, 0 failed"), "{echo}");
}

#[test]
fn a_cell_that_ends_says_goodbye_to_its_http_2_clients() {
    let folder = folder(&[]);
    let certificate = Certificate::make(folder.path(), "a", &["localhost"]);
    let server = serve(&folder, &[&certificate], "rust-http-faults");
    let url = format!("https://127.0.0.1:{}/sleep?5000", port(&server));
    let client = Command::new("nghttp")
        .args(["-v", "--no-verify-peer", &url])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("nghttp runs");
    server.settles(|server| server.connections() > 0, "the client's connection");
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(server.stop(), Some(0));
    let output = client.wait_with_output().expect("nghttp ends");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("slept") && shown.contains("GOAWAY"), "{shown}");
}
