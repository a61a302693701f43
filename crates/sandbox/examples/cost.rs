//! What each wall costs at the start of a cell, on this machine: `cargo run --release --example cost [ROUNDS] [LOAD]`.
//!
//! `LOAD` is the time in microseconds that the cell computes before it locks down, as a program does that is loaded
//! then; the network namespace is made meanwhile. Each round runs every row once, so that a busy machine is busy for
//! all of them.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use std::time::{Duration, Instant};

use tombolo_sandbox::Layer::{self, *};
use tombolo_sandbox::{CellPlan, Policy, Walls, run_in_cell};

/// Each row has the walls of the rows before it too.
const ROWS: [(&str, &[Layer]); 6] = [
    ("a plain fork", &[]),
    ("and user, process and IPC namespaces", &[UserNamespace, PidNamespace, IpcNamespace]),
    ("and no capabilities, no core, not dumpable", &[Capabilities, NoCore, NotDumpable, NoNewPrivs]),
    ("and Landlock", &[Landlock, TcpPorts, Scope]),
    ("and seccomp", &[Seccomp]),
    ("and a network namespace", &[NetNamespace]),
];

fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().expect("a number"));
    let rounds = numbers.next().unwrap_or(300);
    let load = Duration::from_micros(numbers.next().unwrap_or(0));
    let mut times = vec![Vec::new(); ROWS.len()];
    for _ in 0..rounds {
        for (row, times) in times.iter_mut().enumerate() {
            times.push(start_and_end(&ROWS[..=row], load));
        }
    }
    println!("{:<46}{:>10}{:>10}", "from the clone to the end, in microseconds", "lowest 10%", "median");
    for ((name, _), mut times) in ROWS.iter().zip(times) {
        times.sort();
        let at = |part: usize| times[times.len() * part / 100].as_micros();
        println!("{name:<46}{:>10}{:>10}", at(10), at(50));
    }
}

fn start_and_end(rows: &[(&str, &[Layer])], load: Duration) -> Duration {
    let layers: Vec<Layer> = rows.iter().flat_map(|(_, layers)| layers.iter().copied()).collect();
    let walls = Walls::only(&layers);
    let start = Instant::now();
    let verdict = run_in_cell(&CellPlan { walls, ..CellPlan::default() }, |entered| {
        let loading = Instant::now();
        while loading.elapsed() < load {}
        entered.lock_down(&Policy { walls, ..Policy::default() }).map_or(1, |_| 0)
    });
    assert!(matches!(verdict, Ok(tombolo_sandbox::Verdict::Exited(0))), "{verdict:?}");
    start.elapsed()
}
