;; Grows a table by 1,000 elements until it is refused, then traps with what it had reached on its stack.
(module
  (memory (export "memory") 1)
  (table $t 0 funcref)
  (func $grow-until-refused (export "_start")
    (loop $again
      (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
    unreachable))
