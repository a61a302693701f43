;; A first program: WASI 0.1 in WebAssembly's text form, so that no compiler is needed.
;;
;;     tombolo run examples/hello.wat
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $iovs i32) (param $len i32) (param $written i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "Hello from the other side of the wall.\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16)) ;; where the text is
    (i32.store (i32.const 4) (i32.const 39)) ;; how long it is
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
