//! Outbound HTTP: `wasi:http` requests of guests.
//!
//! Each request is checked on its own: its method, scheme, host, port and path must match a grant, its host's
//! addresses go through [`egress`](crate::egress), and a redirect comes back to the guest as the response it is.
//! HTTP/1.1 and HTTP/2 (over TLS, by ALPN); connections are kept for later requests of the same function.
//!
//! What the guest learns: `HTTP-request-denied` when no grant names the request, `destination-IP-prohibited` when
//! the name leads only where the grant does not, `connection-limit-reached` over `outbound-requests`,
//! `HTTP-request-body-size` and `HTTP-response-body-size` over `outbound-bytes`, else what happened on the wire.

mod body;
mod client;
mod connect;
mod errors;
mod hooks;
mod policy;
mod pool;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;

pub(crate) use hooks::Hooks;
pub(crate) use pool::Pool;
