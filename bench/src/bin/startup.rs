//! How long it takes to run a program, and how much memory: `tombolo run`, `wasmtime run` and a container.
//!
//! `bench-startup [ROUNDS]`; `bench/startup` prepares everything and calls it. Contenders take turns within a round,
//! and a ratio is taken round by round, so that a slow moment of the machine does not favour one of them.

use std::path::Path;

use anyhow::Context;
use tombolo_bench::container::Containers;
use tombolo_bench::peers::{Peers, absence};
use tombolo_bench::run::{Invocation, Sample};
use tombolo_bench::stats::{median, paired_ratio, quantile};
use tombolo_bench::{cpus, table};

const TOMBOLO: &str = "tombolo run";
const ROUNDS: usize = 100;
/// A round of a computing guest takes about a second each.
const COMPUTING_ROUNDS: usize = 7;

#[derive(Clone)]
struct Contest {
    name: &'static str,
    rounds: usize,
    contenders: Vec<(&'static str, Invocation)>,
}

fn main() -> anyhow::Result<()> {
    let rounds =
        std::env::args().nth(1).map_or(Ok(ROUNDS), |n| n.parse()).context("usage: bench-startup [ROUNDS]")?;
    let peers = Peers::from_env()?;
    let cpu = *cpus::allowed().last().context("no processor")?;
    cpus::pin_to(cpu)?;

    let containers = Containers::new()?;
    let mut notes = Vec::new();
    let contests = [starting(&peers, &containers, rounds, &mut notes), computing(&peers)].concat();
    let mut rows = Vec::new();
    for contest in contests {
        eprintln!("{} …", contest.name);
        rows.extend(contest.hold()?);
    }
    let head = ["program", "by", "median ms", "p10", "p90", "tombolo takes", "peak RSS MiB"];
    println!("{}", table::render(&head, &rows));
    println!("{}", memory(&peers)?);
    println!(
        "{rounds} rounds ({COMPUTING_ROUNDS} of computing programs), all on processor {cpu}, caches warm."
    );
    println!(
        "\"tombolo takes\": tombolo's time over that one's, median over rounds. Peak RSS: of the largest process."
    );
    notes.iter().for_each(|note| println!("{note}"));
    Ok(())
}

fn runners(peers: &Peers) -> Vec<(&'static str, Invocation)> {
    let wasmtime = Invocation::new(peers.wasmtime(), &["run", "-Ccache=y"]);
    let tombolo = Invocation::new(&peers.tombolo, &["run"]);
    let all = [("wasmtime run", wasmtime), (TOMBOLO, tombolo)];
    all.into_iter().filter(|(_, run)| absence(Path::new(&run.program)).is_none()).collect()
}

fn with_guest(peers: &Peers, guest: &str, args: &[&str]) -> Vec<(&'static str, Invocation)> {
    let guest = peers.guest(guest);
    runners(peers).into_iter().map(|(name, run)| (name, run.with(&[&guest]).with(args))).collect()
}

fn starting(peers: &Peers, containers: &Containers, rounds: usize, notes: &mut Vec<String>) -> Vec<Contest> {
    notes.extend(absence(&peers.wasmtime()));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests");
    let c: &[&str] = &["gcc", "-O2", "-static", "-s"];
    let rust: &[&str] = &["rustc", "--edition=2024", "-O", "-Cstrip=symbols", "-Ctarget-feature=+crt-static"];
    let native = [
        ("hello in C", "c-hello", c, "c/hello/main.c"),
        ("hello in Rust", "rust-hello", rust, "rust/command/hello/src/main.rs"),
    ];
    let mut contests = Vec::new();
    for (name, guest, compiler, source) in native {
        let mut contenders = with_guest(peers, guest, &[]);
        let container = containers.build(compiler, &sources.join(source), guest);
        match container.and_then(|binary| Ok((containers.bundle(guest, &binary)?, binary))) {
            Ok((crun, binary)) => {
                contenders.push(("crun container", crun));
                contenders.push(("native process", Invocation::new(binary, &[])));
            }
            Err(problem) => notes.push(format!("no container of {name}: {problem:#}")),
        }
        contests.push(Contest { name, rounds, contenders });
    }
    contests.push(Contest {
        name: "hello, component",
        rounds,
        contenders: with_guest(peers, "rust-hello-p2", &[]),
    });
    contests
}

fn computing(peers: &Peers) -> Vec<Contest> {
    let contest = |name, guest, size| Contest {
        name,
        rounds: COMPUTING_ROUNDS,
        contenders: with_guest(peers, guest, &[size]),
    };
    vec![
        contest("SHA-256 in C", "c-sha256", "128"),
        contest("SHA-256 in Rust", "rust-sha256", "128"),
        contest("JSON in Rust", "rust-json", "4000"),
        contest("sort in C", "c-sort", "1000000"),
        contest("sort in Rust", "rust-sort", "6000000"),
    ]
}

impl Contest {
    fn hold(&self) -> anyhow::Result<Vec<Vec<String>>> {
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); self.contenders.len()];
        // The first round fills caches and is not counted.
        for round in 0..=self.rounds {
            for turn in 0..self.contenders.len() {
                let at = (turn + round) % self.contenders.len();
                let sample = self.contenders[at].1.measure()?;
                if round > 0 {
                    samples[at].push(sample);
                }
            }
        }
        let seconds: Vec<Vec<f64>> =
            samples.iter().map(|of| of.iter().map(|sample| sample.seconds).collect()).collect();
        let tombolo =
            self.contenders.iter().position(|(by, _)| *by == TOMBOLO).context("tombolo takes part")?;
        let rows = self.contenders.iter().zip(&samples).zip(&seconds);
        Ok(rows.map(|(((by, _), samples), times)| self.row(by, samples, times, &seconds[tombolo])).collect())
    }

    fn row(&self, by: &str, samples: &[Sample], seconds: &[f64], tombolo: &[f64]) -> Vec<String> {
        let ms = |seconds: f64| format!("{:.2}", seconds * 1e3);
        let peak: Vec<f64> = samples.iter().map(|sample| sample.peak_rss as f64).collect();
        vec![
            self.name.to_owned(),
            by.to_owned(),
            ms(median(seconds)),
            ms(quantile(seconds, 0.1)),
            ms(quantile(seconds, 0.9)),
            format!("{:.3}×", paired_ratio(tombolo, seconds)),
            mebibytes(median(&peak)),
        ]
    }
}

/// What all processes of a run hold while the guest waits for input.
fn memory(peers: &Peers) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for (guest, args) in [("c-cat", [].as_slice()), ("rust-cli", &["cat"]), ("rust-cli-p2", &["cat"])] {
        for (by, run) in with_guest(peers, guest, args) {
            let held = run.memory_while_waiting()?;
            rows.push(vec![
                guest.to_owned(),
                by.to_owned(),
                mebibytes(held.pss as f64),
                mebibytes(held.peak_rss as f64),
                held.processes.to_string(),
            ]);
        }
    }
    Ok(table::render(&["waiting", "by", "PSS MiB", "sum of peak RSS MiB", "processes"], &rows))
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1}", bytes / f64::from(1 << 20))
}
