//! What a grant permits, in a sentence, for people who review one.

use super::host::PrivateZone;
use super::{Access, AppHost, Direction, Grant, GrantKind, Host, HostPattern, Methods, Ports};
use crate::line::Shown;
use crate::name::Name;
use crate::units::Time;

impl Grant {
    /// What the grant permits, as a sentence without a full stop.
    pub fn meaning(&self) -> String {
        match self {
            Self::Dir { host, guest, access } => {
                let verb = verb(*access);
                format!(
                    "the guest {verb} files and folders in {host} of this machine and sees them in {guest}"
                )
            }
            Self::Volume { name, guest, size } => {
                format!("the guest keeps up to {size} in the app's volume {name} and sees it in {guest}")
            }
            Self::Env { name, value: Some(value) } => {
                format!("the guest has the environment variable {name} with the value {}", Shown(value))
            }
            Self::Env { name, value: None } => {
                format!("the guest has the environment variable {name} with the value it has on this machine")
            }
            Self::Secret { name, reveal: true } => format!("the guest reads the secret {name}"),
            Self::Secret { name, reveal: false } => {
                format!("the secret {name} is used for the guest, which cannot read it")
            }
            Self::Http { methods, url } if url.host.is_internal() => {
                format!("the guest sends {} to {}, for {}", request(methods), apps(&url.host), path(url))
            }
            Self::TcpConnect { host: pattern, .. }
            | Self::UdpConnect { host: pattern, .. }
            | Self::Dns { pattern }
                if pattern.is_internal() =>
            {
                format!("nothing: {pattern} is for apps of a node, which are called by http alone")
            }
            Self::Http { methods, url } => {
                let scheme = url.scheme;
                let ports = ports(&url.ports);
                format!(
                    "the guest sends {} to {} on {ports} over {scheme}, for {}",
                    request(methods),
                    hosts(&url.host),
                    path(url)
                )
            }
            Self::TcpConnect { host, ports: to } => {
                format!(
                    "the guest opens TCP connections to {} on {}{}",
                    hosts(host),
                    ports(to),
                    lookups(host)
                )
            }
            Self::UdpConnect { host, ports: to } => {
                format!(
                    "the guest exchanges UDP datagrams with {} on {}{}",
                    hosts(host),
                    ports(to),
                    lookups(host)
                )
            }
            Self::ListenTcp { port } => format!("the guest accepts TCP connections on port {port}"),
            Self::Dns { pattern } => format!("the guest looks up {}", names(pattern)),
            Self::Random => "the guest gets random bytes from the kernel".to_owned(),
            Self::Clock { resolution } => {
                format!("the guest reads clocks that show steps of {} or more", Time(*resolution))
            }
            Self::Kv { store, access } => format!("the guest {} keys of the store {store}", verb(*access)),
            Self::Topic { direction: Direction::Publish, pattern } => {
                format!("the guest sends messages to the topics {pattern}")
            }
            Self::Topic { direction: Direction::Subscribe, pattern } => {
                format!("the guest receives messages of the topics {pattern}")
            }
        }
    }
}

impl GrantKind {
    /// What grants of this kind are for, in a few words.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Dir => "a folder of this machine",
            Self::Volume => "a folder that the node keeps for the app",
            Self::Env => "an environment variable",
            Self::Secret => "a secret",
            Self::Http => "outgoing HTTP requests",
            Self::TcpConnect => "outgoing TCP connections",
            Self::ListenTcp => "a TCP listener",
            Self::UdpConnect => "UDP datagrams",
            Self::Dns => "name lookups",
            Self::Random => "random bytes",
            Self::Clock => "clocks",
            Self::Kv => "a key-value store",
            Self::Topic => "messages",
        }
    }
}

const fn verb(access: Access) -> &'static str {
    match access {
        Access::Read => "reads",
        Access::ReadWrite => "reads and changes",
    }
}

fn request(methods: &Methods) -> String {
    match methods {
        Methods::Any => "requests of any method".to_owned(),
        Methods::These(_) => format!("{methods} requests"),
    }
}

fn names(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Any => "every public name".to_owned(),
        HostPattern::Below(domain) => format!("every name below {domain}"),
        other => format!("the name {other}"),
    }
}

/// Apps of a node.
fn apps(pattern: &HostPattern) -> String {
    let of = |tenant: Option<&Name>| match tenant {
        None => "its own tenant".to_owned(),
        Some(tenant) => format!("the tenant {tenant}"),
    };
    match pattern {
        HostPattern::Name(name) => match name.app() {
            Some(Ok(AppHost { app, tenant })) => format!("the app {app} of {}", of(tenant.as_ref())),
            _ => "no app".to_owned(),
        },
        HostPattern::Below(domain) => match domain.app() {
            Some(Ok(AppHost { app: tenant, .. })) => format!("every app of the tenant {tenant}"),
            _ => "every app of every tenant".to_owned(),
        },
        HostPattern::Any | HostPattern::Addresses(_) => "no app".to_owned(),
    }
}

fn hosts(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Any => "every public host".to_owned(),
        HostPattern::Name(name) => format!("{name} at {} addresses", reach(name.private_zone())),
        HostPattern::Below(domain) => {
            format!("every host below {domain} at {} addresses", reach(domain.zone()))
        }
        HostPattern::Addresses(_) => match pattern.to_string().parse() {
            Ok(Host::Address(ip)) => format!("the address {ip}"),
            _ => format!("every address in {pattern}"),
        },
    }
}

/// The kind of addresses that count for a name in this zone.
fn reach(zone: Option<&PrivateZone>) -> &'static str {
    match zone {
        Some(zone) if zone.suffix == "localhost" => "loopback",
        Some(_) => "private",
        None => "public",
    }
}

fn ports(ports: &Ports) -> String {
    if *ports == Ports::all() {
        return "every port".to_owned();
    }
    let text = ports.to_string();
    if text.contains([',', '-']) { format!("the ports {text}") } else { format!("port {text}") }
}

fn path(url: &super::UrlPattern) -> String {
    match (url.path.rest, url.path.segments.is_empty()) {
        (true, true) => "every path".to_owned(),
        (true, false) => format!("the paths {}", url.path),
        (false, _) => format!("the path {}", url.path),
    }
}

fn lookups(host: &HostPattern) -> &'static str {
    match host {
        HostPattern::Addresses(_) => "",
        HostPattern::Name(_) => ", and looks the name up",
        HostPattern::Any | HostPattern::Below(_) => ", and looks their names up",
    }
}
