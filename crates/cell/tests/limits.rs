//! Each limit, exceeded; and faults of guests in terms of HTTP.

mod common;

use std::io::Write;

use common::{CGI, FAULTS, Function, cell, cell_with, connect, read_all, read_until, status};

/// The status for a path under limits, and what the log says of it.
#[track_caller]
fn check(limits: &'static [&'static str], path: &str, expected: &str, cause: &str) {
    let cell = cell(&[Function { limits, ..FAULTS }]);
    let answer = cell.get(path);
    assert_eq!(status(&answer), expected, "{path}: {answer}");
    assert!(!answer.contains(cause), "the client is not told: {answer}");
    cell.log.wait_for(&[path.split('?').next().unwrap_or(path), cause]);
    assert_eq!(status(&cell.get("/")), "200", "the cell goes on");
}

#[test]
fn a_guest_that_computes_without_end_runs_out_of_processor_time() {
    check(&["cpu=50ms"], "/spin", "504", "cpu");
}

#[test]
fn a_guest_that_waits_without_end_runs_out_of_time() {
    check(&["time=100ms"], "/sleep?100000", "504", "time");
}

#[test]
fn a_guest_that_takes_too_much_memory_ends() {
    check(&["memory=8MiB"], "/memory?64", "500", "memory");
}

#[test]
fn a_guest_that_recurses_without_end_ends() {
    check(&[], "/recurse", "500", "trap");
}

#[test]
fn a_guest_that_opens_too_many_handles_ends() {
    check(&["handles=64"], "/handles?1000", "500", "handles=64");
}

#[test]
fn a_guest_that_traps_or_exits_is_an_error_of_the_server() {
    check(&[], "/trap", "500", "unreachable");
    check(&[], "/exit", "502", "exited with code");
}

#[test]
fn a_guest_that_breaks_http_is_a_bad_gateway() {
    check(&[], "/no-answer", "502", "without an answer");
    check(&[], "/error", "502", "InternalError");
    check(&[], "/status?101", "502", "status is 101");
}

/// Whether the guest is done before its head leaves is for the scheduler to say; either way the client can tell.
#[test]
fn a_guest_that_does_not_finish_its_body_is_a_bad_gateway_or_cut_off() {
    let cell = cell(&[FAULTS]);
    let answer = cell.get("/drop-body");
    match status(&answer) {
        "502" => drop(cell.log.wait_for(&["/drop-body", "guest broke HTTP"])),
        "200" => assert!(!answer.ends_with("0\r\n\r\n") && !answer.contains("content-length"), "{answer}"),
        _ => panic!("{answer}"),
    }
}

#[test]
fn a_body_over_the_limit_is_refused_announced_or_not() {
    let cell = cell(&[Function { limits: &["body=1KiB"], ..FAULTS }]);
    assert_eq!(status(&cell.post("/echo", &"x".repeat(2000))), "413");
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let request = format!("{head}7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000));
    let begun = cell.raw(&request);
    assert!(!begun.ends_with("0\r\n\r\n"), "a guest that answers before it has read is cut off: {begun}");
    let program = common::cell(&[Function { limits: &["body=1KiB"], ..CGI }]);
    assert_eq!(status(&program.raw(&request)), "413");
}

#[test]
fn a_response_over_the_limit_is_refused_or_cut_off() {
    let small = cell(&[Function { limits: &["response-body=1KiB"], ..FAULTS }]);
    assert_eq!(status(&small.get("/big?2000")), "500");
    let large = cell(&[Function { limits: &["response-body=1MiB"], ..FAULTS }]);
    let answer = large.get("/big?4000000");
    assert!(answer.len() < 2_000_000 && !answer.ends_with("0\r\n\r\n"), "cut off without an end");
    large.log.wait_for(&["/big", "response-body"]);
}

#[test]
fn a_trap_after_the_head_does_not_look_like_the_end() {
    let cell = cell(&[FAULTS]);
    for _ in 0..50 {
        let answer = cell.get("/trap-late");
        let cut_off = answer.contains("chunked") && !answer.ends_with("0\r\n\r\n");
        assert!(status(&answer) == "500" || cut_off, "{answer}");
    }
}

#[test]
fn more_than_the_concurrency_waits_and_more_than_the_queue_is_sent_away() {
    let limits = &["concurrency=1", "queue=1", "queue-time=200ms", "time=10s"];
    let cell = cell(&[Function { limits, ..FAULTS }]);
    let mut busy = cell.connect();
    busy.write_all(b"GET /never-finish HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    read_until(&mut busy, "begun\n");
    let answer = cell.get("/");
    assert_eq!(status(&answer), "503");
    assert!(answer.to_lowercase().contains("retry-after: 1\r\n"), "{answer}");
    drop(busy);
    cell.log.wait_for(&["/never-finish", "the client left"]);
    assert_eq!(status(&cell.get("/")), "200", "the place is free again");
}

#[test]
fn a_cell_without_memory_left_sends_away() {
    let cell = cell_with(&[FAULTS], |options| options.memory_bytes = 1024);
    assert_eq!(status(&cell.get("/")), "503");
}

#[test]
fn growth_comes_out_of_the_cells_memory_and_is_given_back() {
    const MIB: u64 = 1 << 20;
    let cell = cell_with(&[Function { limits: &["memory=1GiB"], ..FAULTS }], |options| {
        options.memory_bytes = 32 * MIB;
    });
    assert_eq!(status(&cell.get("/")), "200");
    let answer = cell.get("/memory?64");
    assert_eq!(status(&answer), "503", "not its own fault: {answer}");
    cell.log.wait_for(&["/memory", "\"refusal\":\"busy\"", "memory"]);
    assert_eq!(status(&cell.get("/")), "200");
    let mut holder = cell.connect();
    holder.write_all(b"GET /hold?24 HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    read_until(&mut holder, "holding\n");
    assert!(used_memory(&cell) > 24 * MIB);
    assert_eq!(status(&cell.get("/memory?16")), "503", "another one holds it");
    drop(holder);
    cell.log.wait_for(&["/hold", "the client left"]);
    assert_eq!(status(&cell.get("/memory?16")), "502", "there is room again; it only gives no answer");
    // An instance goes after its answer.
    let gone = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        used_memory(&cell) == 0
    });
    assert!(gone, "{} bytes are held", used_memory(&cell));
}

fn used_memory(cell: &common::Cell) -> u64 {
    let metrics = cell.handle().metrics();
    let value = metrics.lines().find_map(|line| line.strip_prefix("tombolo_guest_memory_bytes "));
    value.and_then(|text| text.parse().ok()).expect("the metric")
}

#[test]
fn logs_over_the_budget_are_dropped_and_counted() {
    let cell = cell(&[Function { limits: &["logs=4KiB/s"], ..FAULTS }]);
    cell.get("/logs?1000");
    cell.log.wait_for(&["\"event\":\"guest\"", "line 0", "stdout"]);
    let mut admin = connect(&cell.admin);
    admin.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("sent");
    let metrics = read_all(&mut admin);
    let dropped =
        metrics.lines().find(|line| line.starts_with("tombolo_log_lines_dropped_total{")).unwrap_or("");
    assert!(!dropped.is_empty() && !dropped.ends_with(" 0"), "{metrics}");
}
