//! What a grant covers, in one sentence.

use tombolo_spec::{Access, Direction, Grant};

/// The accesses that a grant permits, for people.
pub(super) fn meaning(grant: &Grant) -> String {
    match grant {
        Grant::Dir { host, guest, access } => {
            format!("{} {host} and all below it, which the program sees as {guest}", may(*access))
        }
        Grant::Volume { name, guest, size } => {
            format!("keeps up to {size} in the app's volume {name}, which the program sees as {guest}")
        }
        Grant::Env { name, value: Some(_) } => format!("sees the variable {name} with this value"),
        Grant::Env { name, value: None } => format!("sees the variable {name} with the value it has here"),
        Grant::Secret { name, reveal: true } => {
            format!("reads the secret {name}, as a variable of that name")
        }
        Grant::Secret { name, reveal: false } => {
            format!("has the secret {name} used for it, without reading it")
        }
        Grant::Http { methods, url } => {
            format!("sends {methods} requests to {url}; a redirect is a request of its own; {PUBLIC_ONLY}")
        }
        Grant::TcpConnect { host, ports } => {
            format!("opens TCP connections to {host}, port {ports}, and may look its name up; {PUBLIC_ONLY}")
        }
        Grant::ListenTcp { port } => format!("accepts TCP connections on port {port}"),
        Grant::UdpConnect { host, ports } => {
            format!(
                "exchanges UDP datagrams with {host}, port {ports}, and may look its name up; {PUBLIC_ONLY}"
            )
        }
        Grant::Dns { pattern } => format!("looks up {pattern}"),
        Grant::Random => "asks the kernel for random bytes".to_owned(),
        Grant::Clock { resolution } => format!("reads clocks that step by {resolution:?}"),
        Grant::Kv { store, access } => format!("{} the key-value store {store}", may(*access)),
        Grant::Topic { direction: Direction::Publish, pattern } => format!("publishes to {pattern}"),
        Grant::Topic { direction: Direction::Subscribe, pattern } => {
            format!("receives what is published to {pattern}")
        }
    }
}

/// What a name may not lead to without being named.
const PUBLIC_ONLY: &str = "private and other special addresses only where the grant names them literally";

fn may(access: Access) -> &'static str {
    match access {
        Access::Read => "reads",
        Access::ReadWrite => "reads and writes",
    }
}
