;; A module without _start: nothing to run.
(module (memory (export "memory") 1))
