//! What many functions in one server cost: its start, memory while nothing is asked, and the speed of each of them.
//!
//! `bench-functions [COUNT]`; `bench/functions` prepares everything and calls it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use tombolo_bench::load::{self, Load, Target};
use tombolo_bench::memory::Held;
use tombolo_bench::peers::Peers;
use tombolo_bench::run::Server;
use tombolo_bench::servers::free_port;
use tombolo_bench::stats::median;
use tombolo_bench::{cpus, table};

const COUNT: usize = 1000;
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 8;
const SECONDS: u32 = 2;
/// Compiling all of them the first time.
const COMPILE_TIME: Duration = Duration::from_secs(1200);

struct Measured {
    start: f64,
    idle: Held,
    loads: Vec<Load>,
}

fn main() -> anyhow::Result<()> {
    let count =
        std::env::args().nth(1).map_or(Ok(COUNT), |n| n.parse()).context("usage: bench-functions [COUNT]")?;
    let peers = Peers::from_env()?;
    let folder = tempfile::tempdir()?;
    let component = std::fs::read(peers.guest("rust-http-bare"))?;
    for index in 0..count {
        std::fs::write(folder.path().join(format!("f{index}.wasm")), distinct(&component, index))?;
    }
    let (one, all) = (measure(&peers, folder.path(), 1)?, measure(&peers, folder.path(), count)?);
    println!("{}", report(&[(1, &one), (count, &all)]));
    let more = (all.idle.anonymous as f64 - one.idle.anonymous as f64) / (count.max(2) - 1) as f64;
    println!("memory of one more function over its mapped code: {:.1} KiB", more / 1024.0);
    println!("p99 of {count} functions by that of one: {:.2}", p99(&all) / p99(&one));
    Ok(())
}

/// The same program as another artifact: it ends with a custom section that nobody reads.
fn distinct(component: &[u8], index: usize) -> Vec<u8> {
    let text = format!("{index:08}");
    let mut section = vec![0, 9 + text.len() as u8, 8];
    section.extend_from_slice(b"distinct");
    section.extend_from_slice(text.as_bytes());
    [component, &section].concat()
}

fn measure(peers: &Peers, folder: &Path, count: usize) -> anyhow::Result<Measured> {
    let functions = (0..count).map(|index| {
        format!("[functions.f{index}]\ncomponent = \"f{index}.wasm\"\non = [\"http GET /f{index}\"]\n")
    });
    let manifest = format!("name = \"many\"\nversion = \"1.0.0\"\n{}", functions.collect::<String>());
    let file = folder.join(format!("{count}.toml"));
    std::fs::write(&file, manifest)?;
    let (port, cpus) = (free_port()?, cpus::allowed());
    let server = || {
        let mut command = Command::new("taskset");
        command.args(["-c", &cpus.first().context("no processor")?.to_string()]).arg(&peers.tombolo);
        command.arg("serve").arg("-f").arg(&file).args(["--listen", &format!("127.0.0.1:{port}")]);
        Server::start_within(COMPILE_TIME, &mut command, port)
    };
    drop(server()?);
    let mut starts = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        drop(server()?);
        starts.push(begin.elapsed().as_secs_f64());
    }
    let server = server()?;
    let idle = server.memory();
    cpus::pin_to(*cpus.last().context("no processor")?)?;
    let url = format!("http://127.0.0.1:{port}/");
    let target = Target { url: &url, body_bytes: 0, paths: count };
    let loads =
        (0..=ROUNDS).map(|_| load::closed(target, CONNECTIONS, SECONDS)).skip(1).collect::<Result<_, _>>()?;
    Ok(Measured { start: median(&starts), idle, loads })
}

fn p99(of: &Measured) -> f64 {
    median(&of.loads.iter().map(|load| load.p99).collect::<Vec<_>>())
}

fn report(rows: &[(usize, &Measured)]) -> String {
    let row = |(count, of): &(usize, &Measured)| {
        let of_loads = |number: fn(&Load) -> f64| median(&of.loads.iter().map(number).collect::<Vec<_>>());
        vec![
            count.to_string(),
            format!("{:.0}", of.start * 1e3),
            format!("{:.1}", of.idle.pss as f64 / f64::from(1 << 20)),
            format!("{:.1}", of.idle.anonymous as f64 / f64::from(1 << 20)),
            format!("{:.0}", of_loads(|load| load.rate)),
            format!("{:.0}", of_loads(|load| load.p50) * 1e6),
            format!("{:.0}", of_loads(|load| load.p99) * 1e6),
            of.loads.iter().map(|load| load.failed).sum::<u64>().to_string(),
        ]
    };
    let head =
        ["functions", "start ms", "PSS MiB", "anonymous MiB", "requests/s", "p50 µs", "p99 µs", "failed"];
    table::render(&head, &rows.iter().map(row).collect::<Vec<_>>())
}
