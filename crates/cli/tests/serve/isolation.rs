//! Attackers and a canary in one cell: whatever the others do, the canary is answered, and afterwards the server holds
//! no more memory and no more descriptors than after the same attacks before.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use rustix::process::Signal;

use crate::attackers::{self, Http2};
use crate::certificates::Certificate;
use crate::common::{TempDir, folder, guest, guests};
use crate::flood::answered_before;
use crate::world::{Server, certificate_flags, curl};

/// Attackers of a kind at once, and how often each strikes.
const ATTACKERS: usize = 4;
const STRIKES: usize = 2;
/// What a second round of the same attacks may leave behind more than the first, in bytes: the allocator's play.
const MEMORY_SLACK: u64 = 16 << 20;

/// Paths at which a guest does harm by itself; each answers or is ended by a limit.
const HARM: &[&str] = &[
    "/faults/spin",
    "/faults/memory?100000",
    "/faults/recurse",
    "/faults/handles?100000000",
    "/faults/timers?1000000",
    "/faults/random?4000000000",
    "/faults/fields?10000000",
    "/faults/logs?100000",
    "/faults/headers?100000",
    "/faults/sleep?3600000",
    "/faults/trap",
    "/faults/exit",
    "/faults/no-answer",
    "/faults/drop-body",
    "/faults/short",
    "/faults/long",
    "/faults/two-lengths",
    "/faults/big?1000000000",
    "/tables",
    "/spin",
];

fn manifest(folder: &TempDir) -> String {
    let function = |name: &str, file: &Path, route: &str, more: &str| {
        format!(
            "[functions.{name}]\ncomponent = {:?}\non = [\"http * {route}\"]\n{more}",
            file.to_str().expect("UTF-8")
        )
    };
    let greedy = "limits = { time = \"2s\", cpu = \"100ms\", memory = \"16MiB\", concurrency = 8, queue-time = \"5s\" }\n";
    let grants = "grants = [\"http GET http://127.0.0.1:*/*\"]\n";
    let text = [
        "name = \"app\"\nversion = \"1\"\n".to_owned(),
        function("canary", &guest("rust-http-hello"), "/canary", ""),
        function("faults", &guest("rust-http-faults"), "/faults/*", &format!("{greedy}{grants}")),
        function("fetch", &guest("rust-http-fetch"), "/fetch", &format!("{greedy}{grants}")),
        function("tables", &wat("table-grow"), "/tables", greedy),
        function("spin", &wat("spin"), "/spin", greedy),
    ];
    let path = folder.path().join("tombolo.toml");
    std::fs::write(&path, text.concat()).expect("a file can be written");
    path.to_str().expect("UTF-8").to_owned()
}

fn wat(name: &str) -> std::path::PathBuf {
    guests().join(format!("wat-{name}.wat"))
}

/// A server of the canary and the attackers, with its admin socket.
fn serve(folder: &TempDir, more: &[String]) -> (Server, String) {
    let admin = folder.path().join("admin.sock").to_str().expect("UTF-8").to_owned();
    let (manifest, admin_flag) = (manifest(folder), format!("unix:{admin}"));
    let mut args = vec!["-f", &manifest, "--admin", &admin_flag];
    args.extend(more.iter().map(String::as_str));
    (Server::start(&args), admin)
}

/// Runs `attack` while the canary is asked all the time; gives how often it was answered.
fn while_the_canary_sings(canary: impl Fn() -> bool + Sync, attack: impl FnOnce()) -> usize {
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let singing = scope.spawn(|| {
            while !over.load(Relaxed) || answered.load(Relaxed) == 0 {
                assert!(canary(), "the canary is silent");
                answered.fetch_add(1, Relaxed);
            }
        });
        attack();
        over.store(true, Relaxed);
        singing.join().expect("the canary is answered");
    });
    answered.into_inner()
}

/// Asserts that nothing runs and nothing is held any more.
fn is_quiet(server: &Server, admin: &str) {
    let value = |metrics: &str, name: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}: {metrics}"))
    };
    server.settles(
        |server| {
            let metrics = curl(&["--unix-socket", admin, "http://x/metrics"]);
            value(&metrics, "tombolo_instances") == 0
                && value(&metrics, "tombolo_guest_memory_bytes") == 0
                && server.connections() == 0
        },
        "instances, their memory and connections",
    );
}

/// Two equal rounds: the second may leave nothing that the first did not.
fn twice(server: &Server, admin: &str, round: impl Fn()) {
    round();
    is_quiet(server, admin);
    let (descriptors, memory) = (server.descriptors(), server.memory_bytes());
    round();
    is_quiet(server, admin);
    server.settles(|server| server.descriptors() <= descriptors, "descriptors");
    server.settles(|server| server.memory_bytes() <= memory + MEMORY_SLACK, "memory");
}

#[test]
fn guests_that_do_harm_harm_themselves() {
    let folder = folder(&[]);
    let (server, admin) = serve(&folder, &[]);
    let canary = || server.body("/canary").contains("ello");
    twice(&server, &admin, || {
        let sung = while_the_canary_sings(canary, || {
            for path in HARM {
                let strike = || (0..STRIKES).for_each(|_| drop(server.get(path)));
                std::thread::scope(|scope| (0..ATTACKERS).for_each(|_| drop(scope.spawn(strike))));
            }
        });
        assert!(sung > HARM.len(), "{sung}");
    });
    for path in HARM {
        let cause = server.wait_for(&["\"event\":\"request\"", path.split('?').next().unwrap_or(path)]);
        assert!(!cause.contains("\"status\":499"), "none of them was left by its client: {cause}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn clients_that_are_slow_greedy_or_gone_hold_up_nobody() {
    let folder = folder(&[]);
    let (server, admin) = serve(&folder, &[]);
    let canary = || server.body("/canary").contains("ello");
    let requests: &[&str] = &[
        // Nothing; half a head; a body that does not come; an answer that nobody reads; one that does not end.
        "",
        "GET /faults/ HTTP/1.1\r\nhost: x\r\nx-sl",
        "POST /faults/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nx",
        "POST /faults/echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n",
        "GET /faults/endless HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /faults/never-finish HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /canary HTTP/1.1\r\nhost: x\r\n\r\n",
    ];
    twice(&server, &admin, || {
        while_the_canary_sings(canary, || {
            let held: Vec<TcpStream> = requests
                .iter()
                .flat_map(|request| (0..40).map(|_| attackers::begin(&server.address, request)))
                .collect();
            attackers::flood(&server.address, "GET /canary HTTP/1.1\r\nhost: x\r\nx: ", &[b'x'; 4096], 2000);
            let pipelined = "GET /faults/sleep?50 HTTP/1.1\r\nhost: x\r\n\r\n".repeat(200);
            drop(attackers::begin(&server.address, &pipelined));
            (0..20).for_each(|_| assert!(canary()));
            drop(held);
        });
    });
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_function_that_calls_itself_over_and_over_is_bounded() {
    let folder = folder(&[]);
    let (server, admin) = serve(&folder, &[]);
    let canary = || server.body("/canary").contains("ello");
    let address = &server.address;
    let deep = format!("/faults/fan-out?{address}/faults/fan-out?{address}/faults/fan-out?{address}/faults/");
    twice(&server, &admin, || {
        while_the_canary_sings(canary, || {
            std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| server.get(&deep)))));
        });
    });
}

#[test]
fn an_upstream_that_never_ends_or_explodes_is_passed_on_and_not_kept() {
    let folder = folder(&[]);
    let (server, admin) = serve(&folder, &[]);
    let canary = || server.body("/canary").contains("ello");
    let bomb = Command::new("sh")
        .args(["-c", "head -c 200000000 /dev/zero | gzip -9"])
        .output()
        .expect("gzip runs")
        .stdout;
    let upstream = upstream(bomb.clone());
    twice(&server, &admin, || {
        while_the_canary_sings(canary, || {
            let got = server.body_bytes(&format!("/fetch?http://{upstream}/bomb"));
            assert!(got == bomb, "{} bytes of {}", got.len(), bomb.len());
            std::thread::scope(|scope| {
                (0..4).for_each(|_| {
                    drop(scope.spawn(|| server.get(&format!("/fetch?http://{upstream}/endless"))))
                });
            });
        });
    });
}

/// An upstream: `/bomb` is `bomb`, anything else does not end.
fn upstream(bomb: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let bomb = bomb.clone();
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                let fields = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n";
                // Whoever asked may be gone.
                if head[..read].starts_with(b"GET /bomb ") {
                    let _ = write!(stream, "{fields}content-length: {}\r\n\r\n", bomb.len());
                    let _ = stream.write_all(&bomb);
                } else {
                    let _ = write!(stream, "{fields}\r\n");
                    while stream.write_all(&bomb).is_ok() {}
                }
            });
        }
    });
    address
}

#[test]
fn http_2_floods_end_their_own_connection() {
    let folder = folder(&[]);
    let certificate = Certificate::make(folder.path(), "a", &["localhost"]);
    let (server, admin) = serve(&folder, &certificate_flags(&certificate));
    let canary = || {
        let url = format!("https://{}/canary", server.address);
        curl(&["-k", "--http2", &url]).contains("ello")
    };
    twice(&server, &admin, || {
        while_the_canary_sings(canary, || {
            let mut reset = Http2::connect(&server.address);
            assert!(
                reset.send_until_closed(
                    |stream| attackers::reset_stream(stream, "/faults/sleep?1000"),
                    200_000
                )
            );
            let mut endless = Http2::connect(&server.address);
            endless.send(&attackers::headers_without_end("/canary"));
            assert!(endless.send_until_closed(|_| attackers::continuation(), 20_000));
            let mut settings = Http2::connect(&server.address);
            (0..20_000).for_each(|_| settings.send(&attackers::settings()));
            let mut pings = Http2::connect(&server.address);
            (0..20_000).for_each(|_| pings.send(&attackers::ping()));
        });
    });
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn who_is_already_there_does_not_wait_for_a_flood_of_newcomers() {
    let server = Server::of_guest("rust-http-hello", &["--workers", "1"]);
    let (stop, go_on) = (|| server.signal(Signal::STOP), || server.signal(Signal::CONT));
    let (answered, newcomers) = answered_before(&server.address, ["/", "/"], stop, go_on);
    assert!(answered < newcomers / 2, "{answered} of {newcomers} newcomers were answered before");
    assert_eq!(server.stop(), Some(0));
}
