//! Each limit, exceeded: the run ends, names the limit, its value and how to raise it.

mod common;

use common::{Done, folder, run};

fn run_under(limits: &[&str], text: &str) -> Done {
    let folder = folder(&[("program.wat", text)]);
    let program = folder.path().join("program.wat");
    let mut arguments = vec!["run"];
    for limit in limits {
        arguments.extend(["--limit", limit]);
    }
    arguments.push(program.to_str().expect("the path is text"));
    run(arguments)
}

const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))"#;

/// Grows its memory by 1 MiB at a time, traps when refused.
const GROW: &str = r#"(module (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br_if $more (i32.lt_u (memory.size) (i32.const 512))))))"#;

/// Two memories of 20 MiB each: the limit counts them together.
const TWO_MEMORIES: &str = r#"(module
  (memory (export "memory") 320) (memory $other 320)
  (func (export "_start")))"#;

const GROW_TABLE: &str = r#"(module (memory (export "memory") 1) (table $t 1 funcref)
  (func (export "_start")
    (loop $more
      (if (i32.eq (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)) (then unreachable))
      br $more)))"#;

const RECURSE: &str = r#"(module (memory (export "memory") 1)
  (func $deeper (param i64) (result i64)
    (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)))))
  (func (export "_start") (drop (call $deeper (i64.const 0)))))"#;

/// Writes 1 KiB at a time for ever.
const FLOOD: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1024))
    (loop $more
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      br $more)))"#;

/// Asks for 1 MiB of random bytes in one call.
const RANDOM: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 32)
  (func (export "_start")
    (if (call $random (i32.const 0) (i32.const 1048576)) (then unreachable))))"#;

/// Has the host copy a list of 2,000 subscriptions of 48 bytes each; exits with the host's answer.
const LONG_LIST: &str = r#"(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (func (export "_start")
    (call $exit (call $poll (i32.const 64) (i32.const 131072) (i32.const 2000) (i32.const 0)))))"#;

#[test]
fn wall_time_is_124() {
    run_under(&["time=300ms"], SPIN).exits(124).says("time=300ms").says("--limit time=");
}

#[test]
fn wall_time_ends_a_program_that_waits_in_the_host() {
    let sleep = r#"(module
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 60000000000))
        (drop (call $poll (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 1024)))))"#;
    run_under(&["time=300ms"], sleep).exits(124).says("time=300ms");
}

#[test]
fn processor_time_is_134() {
    run_under(&["cpu=200ms"], SPIN).exits(134).says("cpu=200ms").says("--limit cpu=");
}

#[test]
fn memory_that_is_refused_explains_the_trap_that_follows() {
    run_under(&["memory=8MiB"], GROW).exits(134).says("memory=8MiB").says("--limit memory=");
    run_under(&["memory=64MiB"], GROW).exits(0);
}

#[test]
fn memory_counts_all_memories_of_an_instance() {
    run_under(&["memory=32MiB"], TWO_MEMORIES).exits(134).says("memory=32MiB");
    run_under(&["memory=48MiB"], TWO_MEMORIES).exits(0);
}

#[test]
fn table_elements_are_counted() {
    run_under(&["table-elements=5000"], GROW_TABLE).exits(134).says("table-elements=5000");
}

#[test]
fn the_stack_ends() {
    run_under(&["stack=256KiB"], RECURSE).exits(134).says("stack=256KiB");
}

#[test]
fn output_ends() {
    let done = run_under(&["output=64KiB"], FLOOD).exits(134).says("output=64KiB");
    assert!(done.stdout.len() <= 64 * 1024, "{} bytes came out", done.stdout.len());
    assert!(done.stdout.len() >= 60 * 1024, "what fits comes out: {} bytes", done.stdout.len());
}

#[test]
fn random_bytes_of_one_call_are_bounded() {
    run_under(&["random=64KiB"], RANDOM).exits(134).says("random=64KiB");
    run_under(&["random=1MiB"], RANDOM).exits(0);
}

#[test]
fn what_the_host_copies_for_one_call_is_bounded() {
    const NOMEM: i32 = 48;
    run_under(&["hostcall-fuel=64KiB"], LONG_LIST).exits(NOMEM);
    run_under(&["hostcall-fuel=256KiB"], LONG_LIST).exits(0);
}

#[test]
fn handles_of_the_host_count_for_the_limit_and_say_so() {
    let guest = common::guest("rust-breaker");
    let guest = guest.to_str().expect("the path is text");
    run(["run", "--limit", "handles=64", guest, "handles", "20"]).exits(0);
    run(["run", "--limit", "handles=64", guest, "handles", "100"])
        .exits(134)
        .says("handles=64")
        .says("raise it with --limit handles=128");
}
