//! Uses one thing of the component model's hosts without measure, until a limit ends it: `breaker ACT [NUMBER]`.
//!
//! Where the host only refuses, it prints how far it came.

use wasip2::clocks::monotonic_clock::{now, subscribe_duration};
use wasip2::http::types::Fields;
use wasip2::io::poll::poll;
use wasip2::random::random::get_random_bytes;

const HOUR_NS: u64 = 3_600_000_000_000;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = args.get(2).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
    match args.get(1).map(String::as_str) {
        Some("handles") => leak_handles(number),
        Some("poll") => poll_many(number),
        Some("random") => println!("got {} bytes", get_random_bytes(number).len()),
        Some("fields") => grow_fields(number),
        Some("memory") => allocate(number),
        Some("recurse") => println!("{}", recurse(number)),
        Some("spin") => while std::hint::black_box(true) {},
        Some("hostcalls") => while now() > 0 {},
        Some("sleep") => subscribe_duration(number.saturating_mul(1_000_000)).block(),
        Some("flood") => loop {
            println!("{}", "x".repeat(4096));
        },
        _ => println!("no such act"),
    }
}

fn leak_handles(number: u64) {
    for _ in 0..number {
        std::mem::forget(subscribe_duration(HOUR_NS));
    }
    println!("leaked {number} handles");
}

/// A list of handles as long as asked for in a single call.
fn poll_many(number: u64) {
    let timer = subscribe_duration(0);
    let many: Vec<_> = std::iter::repeat_n(&timer, usize::try_from(number).unwrap_or(usize::MAX)).collect();
    println!("{} of {number} ready", poll(&many).len());
}

fn grow_fields(number: u64) {
    let fields = Fields::new();
    for at in 0..number {
        if let Err(problem) = fields.append(&format!("x-{at}"), &[b'x'; 1024]) {
            println!("{at} fields, then {problem:?}");
            return;
        }
    }
    println!("appended {number} fields");
}

fn allocate(mebibytes: u64) {
    let mut kept = Vec::new();
    for _ in 0..mebibytes {
        kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
    println!("allocated {} MiB", kept.len());
}

#[inline(never)]
fn recurse(left: u64) -> u64 {
    let frame = std::hint::black_box([left; 32]);
    if left == 0 { 0 } else { recurse(left - 1).wrapping_add(frame[0]) }
}
