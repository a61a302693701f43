//! A server under attack for a while: does a well-behaved function beside the attackers keep its speed, and does
//! memory and do descriptors come back?
//!
//! `bench-soak [SECONDS [ATTACK...]]`; `bench/soak` prepares everything and calls it. Exits with 1 when something did not hold.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tombolo_bench::client::Client;
use tombolo_bench::memory;
use tombolo_bench::peers::Peers;
use tombolo_bench::run::Server;
use tombolo_bench::servers::free_port;
use tombolo_bench::stats::quantile;
use tombolo_bench::{cpus, table};

const SECONDS: u64 = 600;
const BASELINE: Duration = Duration::from_secs(10);
const RECOVERY: Duration = Duration::from_secs(10);
const CANARY_PAUSE: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(5);
const ATTACKERS: usize = 8;
/// What may remain after the attack over what was before it: caches fill, a leak goes on.
const MEMORY_RATIO_MAX: f64 = 1.5;
const P99_RATIO_MAX: f64 = 2.0;

const ATTACKS: [&str; 16] = [
    "spin",
    "memory",
    "recurse",
    "handles",
    "timers",
    "random",
    "fields",
    "logs",
    "trap",
    "panic",
    "no-answer",
    "endless",
    "never-finish",
    "trap-late",
    "headers?100000",
    "sleep?60000",
];

const MANIFEST: &str = r#"
name = "soak"
version = "1.0.0"

[functions.canary]
component = "CANARY"
on = ["http GET /canary"]

[functions.faults]
component = "FAULTS"
on = ["http GET /faults/*"]
limits = { time = "2s", cpu = "500ms", memory = "32MiB", concurrency = 8, queue = 8 }
"#;

struct Measured {
    p50: f64,
    p99: f64,
    failed: usize,
    pss: u64,
    descriptors: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let (seconds, attacks) = arguments()?;
    let peers = Peers::from_env()?;
    let folder = tempfile::tempdir()?;
    let manifest = MANIFEST
        .replace("CANARY", &peers.guest("rust-http-hello"))
        .replace("FAULTS", &peers.guest("rust-http-faults"));
    let file = folder.path().join("tombolo.toml");
    std::fs::write(&file, manifest)?;

    let port = free_port()?;
    let cpus = cpus::allowed();
    let mut command = Command::new("taskset");
    command.args(["-c", &cpus.first().context("no processor")?.to_string()]);
    command
        .arg(&peers.tombolo)
        .arg("serve")
        .arg("-f")
        .arg(&file)
        .args(["--listen", &format!("127.0.0.1:{port}")]);
    let server = Server::start(&mut command, port)?;
    cpus::pin_to(*cpus.last().context("no processor")?)?;

    let before = watch(&server, port, BASELINE);
    let during = attack(&server, port, Duration::from_secs(seconds), &attacks);
    std::thread::sleep(RECOVERY);
    let after = watch(&server, port, BASELINE);
    println!("{}", report(&[("before", &before), ("under attack", &during), ("after", &after)]));
    let held = [
        ("every answer of the canary came", before.failed + during.failed + after.failed == 0),
        ("its p99 stayed within 2×", during.p99 <= before.p99 * P99_RATIO_MAX),
        ("memory came back", after.pss as f64 <= before.pss as f64 * MEMORY_RATIO_MAX),
        ("descriptors came back", after.descriptors <= before.descriptors + 2),
    ];
    held.iter().for_each(|(what, holds)| println!("{} {what}", if *holds { "yes:" } else { "NO: " }));
    Ok(if held.iter().all(|(_, holds)| *holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the canary again and again for a while.
fn watch(server: &Server, port: u16, time: Duration) -> Measured {
    let (mut client, mut taken, mut failed) = (Client::new(port, PATIENCE), Vec::new(), 0);
    let start = Instant::now();
    while start.elapsed() < time {
        match client.get("/canary") {
            Ok((200, took)) => taken.push(took.as_secs_f64()),
            Ok(_) => failed += 1,
            Err(_) => {
                failed += 1;
                client = Client::new(port, PATIENCE);
            }
        }
        std::thread::sleep(CANARY_PAUSE);
    }
    Measured {
        p50: quantile(&taken, 0.5),
        p99: quantile(&taken, 0.99),
        failed,
        pss: server.memory().pss,
        descriptors: memory::descriptors_of_tree(server.id()),
    }
}

fn arguments() -> anyhow::Result<(u64, Vec<String>)> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: bench-soak [SECONDS [ATTACK...]]";
    let seconds = arguments.next().map_or(Ok(SECONDS), |n| n.parse()).context(usage)?;
    let chosen: Vec<_> = arguments.collect();
    let all = || ATTACKS.map(str::to_owned).to_vec();
    Ok((seconds, if chosen.is_empty() { all() } else { chosen }))
}

fn attack(server: &Server, port: u16, time: Duration, attacks: &[String]) -> Measured {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for attacker in 0..ATTACKERS {
            let over = &over;
            scope.spawn(move || {
                for turn in attacker.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    // Whatever comes back, or nothing: the next attack follows on a connection of its own.
                    let _ = Client::new(port, PATIENCE)
                        .get(&format!("/faults/{}", attacks[turn % attacks.len()]));
                }
            });
        }
        let measured = watch(server, port, time);
        over.store(true, Ordering::Relaxed);
        measured
    })
}

fn report(rows: &[(&str, &Measured)]) -> String {
    let row = |(name, of): &(&str, &Measured)| {
        vec![
            (*name).to_owned(),
            format!("{:.0}", of.p50 * 1e6),
            format!("{:.0}", of.p99 * 1e6),
            of.failed.to_string(),
            format!("{:.1}", of.pss as f64 / f64::from(1 << 20)),
            of.descriptors.to_string(),
        ]
    };
    let head = ["canary", "p50 µs", "p99 µs", "failed", "PSS MiB", "descriptors"];
    table::render(&head, &rows.iter().map(row).collect::<Vec<_>>())
}
