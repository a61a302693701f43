//! Programs of each WASI version run from start to end.

mod support;

use support::{engine, grants, link_everything, run};
use tombolo_engine::EngineClass;
use tombolo_host::TemplateParts;

const HELLO_P1: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\06\00\00\00")
  (data (i32.const 16) "hello\n")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $proc_exit (i32.const 7))))
"#;

const HELLO_P2: &str = r#"
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error-type))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $os (sub resource)))
    (alias outer 1 $error-type (type $e0))
    (export "error" (type $e (eq $e0)))
    (type $stream-error-def (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $stream-error-def)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $os)) (param "contents" (list u8))
        (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $output-stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $output-stream (type $os0))
    (export "output-stream" (type $os (eq $os0)))
    (export "get-stdout" (func (result (own $os))))))
  (core module $libc (memory (export "memory") 1))
  (core instance $libc (instantiate $libc))
  (core func $get-stdout (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $libc "memory"))))
  (core module $main
    (import "host" "get-stdout" (func $get (result i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "libc" "memory" (memory 1))
    (data (i32.const 16) "hello\n")
    (func (export "run") (result i32)
      (call $write (call $get) (i32.const 16) (i32.const 6) (i32.const 32))
      (i32.load8_u (i32.const 32))))
  (core instance $main (instantiate $main
    (with "host" (instance
      (export "get-stdout" (func $get-stdout))
      (export "write" (func $write))))
    (with "libc" (instance $libc))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run-instance (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run-instance)))
"#;

#[tokio::test]
async fn a_module_of_0_1_writes_and_exits_with_its_code() {
    let (ran, _) = run(HELLO_P1, TemplateParts::new("hello", grants(&[])), "").await;
    assert_eq!((ran.stdout.as_str(), ran.exit), ("hello\n", 7), "{:?}", ran.error);
}

#[tokio::test]
async fn a_component_of_0_2_writes_and_ends() {
    let (ran, _) = run(HELLO_P2, TemplateParts::new("hello", grants(&[])), "").await;
    assert_eq!((ran.stdout.as_str(), ran.exit), ("hello\n", 0), "{:?}", ran.error);
}

#[test]
fn all_interfaces_fit_into_one_linker() {
    link_everything(&engine(EngineClass::Concurrent)).unwrap();
}
