//! Fresh means fresh: an instance sees nothing of those before it, whether they came from a pool or not.

use std::process::Command;

use crate::common::{cache, folder, guest};
use crate::world::Server;

/// Address space in which no pool fits, in KiB: the smallest one reserves 64 GiB.
const NO_POOL_KIB: u64 = 48 << 20;

/// Prints what it finds changed, one digit for each kind of state, and then changes all of it.
///
/// Global; memory where the data is; memory elsewhere, every page of 4 MiB; memory's size; table's elements; table's
/// size; a passive data segment, dropped.
const STATEFUL: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (table $table 4 8 funcref)
  (elem declare func $one)
  (global $global (mut i32) (i32.const 0))
  (data (i32.const 64) "content-type: text/plain\n\n0000000")
  (data $passive "x")
  (func $one)
  (func $digit (param $at i32) (param $seen i32)
    (i32.store8 (i32.add (i32.const 90) (local.get $at)) (i32.add (i32.const 48) (i32.ne (local.get $seen) (i32.const 0)))))
  (func $dirt (result i32) (local $at i32) (local $dirt i32)
    (local.set $at (i32.const 4096))
    (loop $next
      (local.set $dirt (i32.or (local.get $dirt) (i32.load (local.get $at))))
      (i32.store (local.get $at) (i32.const 0x5a5a5a5a))
      (local.set $at (i32.add (local.get $at) (i32.const 1024)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 4194304))))
    (local.get $dirt))
  (func (export "_start") (call $look))
  (func $look
    (call $digit (i32.const 0) (global.get $global))
    (call $digit (i32.const 1) (i32.load (i32.const 200)))
    (call $digit (i32.const 2) (call $dirt))
    (call $digit (i32.const 3) (i32.ne (memory.size) (i32.const 64)))
    (call $digit (i32.const 4) (i32.eqz (ref.is_null (table.get $table (i32.const 1)))))
    (call $digit (i32.const 5) (i32.ne (table.size $table) (i32.const 4)))
    (memory.init $passive (i32.const 300) (i32.const 0) (i32.const 1))
    (call $digit (i32.const 6) (i32.ne (i32.load8_u (i32.const 300)) (i32.const 120)))
    (global.set $global (i32.const 1))
    (i32.store (i32.const 200) (i32.const 1))
    (drop (memory.grow (i32.const 4)))
    (i32.store (i32.const 4200000) (i32.const 1))
    (table.set $table (i32.const 1) (ref.func $one))
    (drop (table.grow $table (ref.func $one) (i32.const 2)))
    (data.drop $passive)
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 33))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;

/// A server whose engine has a pool, and one whose engine has none for want of address space.
fn servers(program: &str) -> [Server; 2] {
    let pooling = Server::start(&["--workers", "1", program]);
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit -v {NO_POOL_KIB}; exec \"$0\" \"$@\"");
    let binary = env!("CARGO_BIN_EXE_tombolo");
    command.args(["-c", &script, binary, "serve", "--listen", "127.0.0.1:0", "--workers", "1", program]);
    command.env("XDG_CACHE_HOME", cache());
    [pooling, Server::spawn(command)]
}

/// How much address space a process has, in KiB: a pool's is huge.
fn address_space_kib(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("the process' status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a size")
}

#[test]
fn the_two_servers_differ_in_how_instances_get_their_memory() {
    let folder = folder(&[("f.wat", STATEFUL)]);
    let [pooling, on_demand] = servers(folder.path().join("f.wat").to_str().expect("UTF-8"));
    assert!(address_space_kib(&pooling) > NO_POOL_KIB && address_space_kib(&on_demand) < NO_POOL_KIB);
}

#[test]
fn a_program_that_looks_twice_sees_what_it_changed() {
    let twice =
        STATEFUL.replace("(call $look))", "(call $look) (call $look))").replace("(data.drop $passive)", "");
    let folder = folder(&[("f.wat", &twice)]);
    for server in servers(folder.path().join("f.wat").to_str().expect("UTF-8")) {
        assert_eq!(server.body("/"), "0000000content-type: text/plain\n\n1111110");
    }
}

#[test]
fn a_modules_globals_memory_tables_and_segments_are_new_in_each_request() {
    let folder = folder(&[("f.wat", STATEFUL)]);
    for server in servers(folder.path().join("f.wat").to_str().expect("UTF-8")) {
        for number in 0..100 {
            assert_eq!(server.body("/"), "0000000", "request {number}");
        }
    }
}

#[test]
fn a_components_heap_globals_and_files_are_new_in_each_request() {
    for server in servers(guest("rust-http-faults").to_str().expect("UTF-8")) {
        for end in ["/count", "/trap", "/memory?8", "/count", "/recurse", "/count"].iter().cycle().take(60) {
            let answer = server.body(end);
            if *end == "/count" {
                assert_eq!(answer, "global 1 heap 1 file 1 written false\n");
            }
        }
    }
}
