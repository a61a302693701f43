;; Traps two calls deep; the names are those of the text.
(module
  (memory (export "memory") 1)
  (func $inner unreachable)
  (func $outer (call $inner))
  (func $start (export "_start") (call $outer)))
