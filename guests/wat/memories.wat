;; Three memories, grown in turn by 1 MiB until none grows any more: a limit must hold for their sum. Traps then.
(module
  (memory $a (export "memory") 1)
  (memory $b 1)
  (memory $c 1)
  (func $grow-until-refused (export "_start")
    (loop $again
      (br_if $again (i32.ne (memory.grow $a (i32.const 16)) (i32.const -1)))
      (br_if $again (i32.ne (memory.grow $b (i32.const 16)) (i32.const -1)))
      (br_if $again (i32.ne (memory.grow $c (i32.const 16)) (i32.const -1))))
    unreachable))
