;; Two memories of 48 MiB each, by growth, and success if both are there: above a limit of 64 MiB over both.
(module
  (memory $a (export "memory") 1)
  (memory $b 1)
  (func (export "_start")
    (if (i32.eq (memory.grow $a (i32.const 768)) (i32.const -1)) (then unreachable))
    (if (i32.eq (memory.grow $b (i32.const 768)) (i32.const -1)) (then unreachable))))
