;; A component that needs an interface that no host here has.
(component
  (import "acme:robot/arm@1.0.0" (instance (export "wave" (func)))))
