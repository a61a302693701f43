//! What a function can use up, and what it can keep.

use std::sync::atomic::{AtomicU64, Ordering};

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingBody, OutgoingRequest, ResponseOutparam, Scheme};
use wasip2::io::poll::poll;

use crate::respond::Answer;

const MS: u64 = 1_000_000;

/// How often this instance was asked: a global, a heap allocation, a table of its own, and a file if it may have one.
pub fn count() -> String {
    static GLOBAL: AtomicU64 = AtomicU64::new(0);
    thread_local!(static HEAP: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) });
    let heap = HEAP.with_borrow_mut(|kept| {
        kept.push(1);
        kept.len()
    });
    let file = match std::fs::read_to_string("/tmp/count") {
        Ok(kept) => kept.len() + 1,
        Err(_) => 1,
    };
    let written = std::fs::write("/tmp/count", "x".repeat(file)).is_ok();
    format!(
        "global {} heap {heap} file {file} written {written}\n",
        GLOBAL.fetch_add(1, Ordering::Relaxed) + 1
    )
}

pub fn memory(mebibytes: u64) {
    for _ in 0..mebibytes {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

#[inline(never)]
pub fn recurse(left: u64) -> u64 {
    let frame = std::hint::black_box([left; 32]);
    if left == 0 { 0 } else { recurse(left - 1).wrapping_add(frame[0]) }
}

pub fn handles(number: u64) {
    (0..number).for_each(|_| std::mem::forget(Fields::new()));
}

/// Many timers at once, all waited for.
pub fn timers(number: u64) {
    let timers: Vec<_> = (0..number).map(|at| subscribe_duration(3_600_000 * MS + at)).collect();
    poll(&timers.iter().collect::<Vec<_>>());
}

pub fn random(bytes: u64) {
    wasip2::random::random::get_random_bytes(bytes);
}

pub fn fields(number: u64) {
    let fields = Fields::new();
    for at in 0..number {
        if fields.append(&format!("x-{at}"), &[b'x'; 1024]).is_err() {
            return;
        }
    }
}

pub fn logs(lines: u64) {
    (0..lines).for_each(|line| println!("line {line} {}", "x".repeat(200)));
}

pub fn sleep(millis: u64) {
    subscribe_duration(millis.saturating_mul(MS)).block();
}

/// Calls `AUTHORITY/PATH` a hundred times at once and waits for all answers.
pub fn fan_out(target: &str) -> String {
    let (authority, path) = target.split_once('/').unwrap_or((target, ""));
    let calls: Vec<_> = (0..100).filter_map(|_| call(authority, &format!("/{path}"))).collect();
    let answered = calls.iter().filter(|call| {
        call.subscribe().block();
        matches!(call.get(), Some(Ok(Ok(_))))
    });
    format!("{} answered\n", answered.count())
}

pub fn header(out: ResponseOutparam, name_and_value: &str) {
    let (name, value) = name_and_value.split_once('=').unwrap_or((name_and_value, ""));
    let value = value.replace("%0d", "\r").replace("%0a", "\n").replace("%00", "\0").replace("%20", " ");
    Answer::new(200).header(name, value.as_bytes()).begin(out).finish();
}

pub fn headers(out: ResponseOutparam, number: u64) {
    let many =
        (0..number).fold(Answer::new(200), |answer, at| answer.header(&format!("x-{at}"), &[b'x'; 100]));
    many.begin(out).finish();
}

fn call(authority: &str, path: &str) -> Option<wasip2::http::types::FutureIncomingResponse> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).ok()?;
    request.set_authority(Some(authority)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    let body = request.body().ok()?;
    let response = handle(request, None).ok()?;
    OutgoingBody::finish(body, None).ok()?;
    Some(response)
}
