//! How fast functions answer over HTTP: native hyper, `tombolo serve`, `wasmtime serve`, workerd; one processor for
//! the server, another for the load.
//!
//! `bench-http [SECONDS [ROUNDS]]`; `bench/http` prepares everything and calls it. Servers take turns within a round.

use anyhow::Context;
use tombolo_bench::load::{self, Load, Target};
use tombolo_bench::memory::Held;
use tombolo_bench::peers::{Peers, absence};
use tombolo_bench::run::Server;
use tombolo_bench::servers::{Kind, Place, SCENARIOS, Scenario, free_port, start_upstream};
use tombolo_bench::stats::{median, paired_ratio};
use tombolo_bench::{cpus, table};

const SECONDS: u32 = 2;
const ROUNDS: usize = 3;
const CONNECTIONS: [usize; 3] = [1, 32, 256];
const FIXED_RATE_CONNECTIONS: usize = 32;

struct Bench {
    peers: Peers,
    seconds: u32,
    rounds: usize,
    server_cpu: usize,
    upstream: String,
    notes: Vec<String>,
}

struct Contender {
    kind: Kind,
    url: String,
    server: Server,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<u32> = std::env::args()
        .skip(1)
        .map(|arg| arg.parse())
        .collect::<Result<_, _>>()
        .context("usage: bench-http [SECONDS [ROUNDS]]")?;
    let cpus = cpus::allowed();
    let (server_cpu, load_cpu) =
        (*cpus.first().context("no processor")?, *cpus.last().context("no processor")?);
    cpus::pin_to(load_cpu)?;
    let port = free_port()?;
    let _upstream = start_upstream(load_cpu, port)?;
    let mut bench = Bench {
        peers: Peers::from_env()?,
        seconds: args.first().copied().unwrap_or(SECONDS),
        rounds: args.get(1).map_or(ROUNDS, |&rounds| rounds as usize),
        server_cpu,
        upstream: format!("http://127.0.0.1:{port}/"),
        notes: Vec::new(),
    };
    let rows = bench.all_scenarios()?;
    let head = [
        "scenario",
        "connections",
        "by",
        "requests/s",
        "tombolo is",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "PSS MiB",
        "failed",
    ];
    println!("{}", table::render(&head, &rows));
    println!(
        "{} rounds of {} s; server on processor {server_cpu}, load (and the upstream) on {load_cpu}.",
        bench.rounds, bench.seconds
    );
    println!(
        "\"tombolo is\": tombolo's requests/s over that server's, median over rounds. Memory: proportional now, and peak resident set, both of all its processes."
    );
    bench.notes.sort();
    bench.notes.dedup();
    bench.notes.iter().for_each(|note| println!("{note}"));
    Ok(())
}

impl Bench {
    fn all_scenarios(&mut self) -> anyhow::Result<Vec<Vec<String>>> {
        let (mut rows, mut capacities) = (Vec::new(), Vec::new());
        for scenario in SCENARIOS {
            let contenders = self.start(scenario)?;
            let mut capacity = 0.0;
            for connections in CONNECTIONS {
                eprintln!("{}, {connections} connections …", scenario.name);
                let loads = self.closed(scenario, &contenders, connections)?;
                if connections == FIXED_RATE_CONNECTIONS {
                    capacity = rate_of(&contenders, &loads, Kind::Tombolo);
                    capacities.push((scenario.name, capacity));
                }
                rows.extend(self.rows(scenario.name, &connections.to_string(), &contenders, &loads));
            }
            if scenario.name != "hello" || capacity == 0.0 {
                continue;
            }
            if let Some(absent) = absence(&self.peers.oha()) {
                self.notes.push(format!("no fixed rate: {absent}"));
            } else {
                let loads = self.open(&contenders, (capacity / 2.0) as u64)?;
                let name = format!("hello at {:.0}/s", capacity / 2.0);
                rows.extend(self.rows(&name, &FIXED_RATE_CONNECTIONS.to_string(), &contenders, &loads));
            }
        }
        for (name, capacity) in &capacities[1..] {
            let part = capacity / capacities[0].1;
            self.notes.push(format!(
                "tombolo, {name}: {part:.2} of hello's rate at {FIXED_RATE_CONNECTIONS} connections"
            ));
        }
        Ok(rows)
    }

    fn start(&mut self, scenario: Scenario) -> anyhow::Result<Vec<Contender>> {
        let mut started = Vec::new();
        for &kind in scenario.kinds {
            let missing = match kind {
                Kind::Wasmtime => absence(&self.peers.wasmtime()),
                Kind::Workerd => absence(&self.peers.workerd()),
                Kind::Native | Kind::Tombolo => None,
            };
            let port = free_port()?;
            let place = Place { cpu: self.server_cpu, port, upstream: &self.upstream };
            let outcome = missing
                .map_or_else(|| kind.start(&self.peers, scenario, place), |why| Err(anyhow::anyhow!(why)));
            match outcome {
                Ok(server) => {
                    let url = format!("http://127.0.0.1:{port}{}", scenario.path);
                    started.push(Contender { kind, url, server });
                }
                Err(problem) => self.notes.push(format!(
                    "{} takes no part in {}: {problem:#}",
                    kind.name(),
                    scenario.name
                )),
            }
        }
        Ok(started)
    }

    /// One list of loads for each contender, one load for each round.
    fn closed(
        &self,
        scenario: Scenario,
        contenders: &[Contender],
        connections: usize,
    ) -> anyhow::Result<Vec<Vec<Load>>> {
        self.take_turns(contenders, |contender| {
            let target = Target { url: &contender.url, body_bytes: scenario.body_bytes, paths: 0 };
            load::closed(target, connections, self.seconds)
        })
    }

    fn open(&self, contenders: &[Contender], rate: u64) -> anyhow::Result<Vec<Vec<Load>>> {
        let oha = self.peers.oha();
        self.take_turns(contenders, |contender| {
            let target = Target { url: &contender.url, body_bytes: 0, paths: 0 };
            load::open(&oha, target, FIXED_RATE_CONNECTIONS, rate, self.seconds)
        })
    }

    fn take_turns(
        &self,
        contenders: &[Contender],
        run: impl Fn(&Contender) -> anyhow::Result<Load>,
    ) -> anyhow::Result<Vec<Vec<Load>>> {
        let mut loads = vec![Vec::new(); contenders.len()];
        for round in 0..self.rounds {
            for turn in 0..contenders.len() {
                let at = (turn + round) % contenders.len();
                loads[at].push(run(&contenders[at])?);
            }
        }
        Ok(loads)
    }

    fn rows(
        &self,
        scenario: &str,
        connections: &str,
        contenders: &[Contender],
        loads: &[Vec<Load>],
    ) -> Vec<Vec<String>> {
        let tombolo = contenders.iter().position(|contender| contender.kind == Kind::Tombolo);
        let row = |(contender, loads): (&Contender, &Vec<Load>), base: Option<&Vec<Load>>| {
            let of = |field: fn(&Load) -> f64| median(&loads.iter().map(field).collect::<Vec<_>>());
            let ratio = base.map(|base| paired_ratio(&rates(base), &rates(loads)));
            vec![
                scenario.to_owned(),
                connections.to_owned(),
                contender.kind.name().to_owned(),
                format!("{:.0}", of(|load| load.rate)),
                ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}×")),
                format!("{:.0}", of(|load| load.p50 * 1e6)),
                format!("{:.0}", of(|load| load.p99 * 1e6)),
                format!("{:.0}", of(|load| load.p999 * 1e6)),
                memory(contender.server.memory()),
                loads.iter().map(|load| load.failed).sum::<u64>().to_string(),
            ]
        };
        contenders.iter().zip(loads).map(|pair| row(pair, tombolo.map(|at| &loads[at]))).collect()
    }
}

fn memory(held: Held) -> String {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    format!("{:.1}/{:.1}", mebibytes(held.pss), mebibytes(held.peak_rss))
}

fn rates(loads: &[Load]) -> Vec<f64> {
    loads.iter().map(|load| load.rate).collect()
}

fn rate_of(contenders: &[Contender], loads: &[Vec<Load>], kind: Kind) -> f64 {
    let at = contenders.iter().position(|contender| contender.kind == kind);
    at.map_or(0.0, |at| median(&rates(&loads[at])))
}
