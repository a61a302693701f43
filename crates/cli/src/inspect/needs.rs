//! Which kind of grant an imported interface needs to be of use.

use tombolo_engine::{Interface, InterfaceName, Wasi};
use tombolo_spec::GrantKind;

/// What an import needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: it has no effect outside the program, or only on what the program was started with.
    Nothing,
    /// At least one grant of these kinds; without one, every call is refused.
    Grant(&'static [GrantKind]),
    /// Works without a grant in a coarser form; a grant of this kind refines it.
    Refined(GrantKind),
    /// Nothing provides it: the program does not start.
    Unknown,
}

/// The need of one import.
pub(crate) fn need(import: &Interface) -> Need {
    let name = InterfaceName::new(&import.name);
    if let Some(need) = draft_need(&name) {
        return need;
    }
    match name.wasi() {
        Wasi::P1 => module_need(&import.functions),
        Wasi::P2 | Wasi::P3 => component_need(name.path),
        Wasi::None => Need::Unknown,
    }
}

/// Interfaces that are no part of a released WASI are there in one version each.
fn draft_need(name: &InterfaceName<'_>) -> Option<Need> {
    let (package, _) = name.path.split_once('/')?;
    Some(match (package, name.path, name.version) {
        ("wasi:keyvalue", "wasi:keyvalue/store", Some("0.2.0-draft")) => Need::Grant(&[GrantKind::Kv]),
        ("wasi:keyvalue", "wasi:keyvalue/atomics" | "wasi:keyvalue/batch", Some("0.2.0-draft")) => {
            Need::Grant(&[GrantKind::Kv])
        }
        ("wasi:config", "wasi:config/store", Some("0.2.0-rc.1")) => Need::Refined(GrantKind::Env),
        ("wasi:config", "wasi:config/runtime", Some("0.2.0-draft")) => Need::Refined(GrantKind::Env),
        ("wasi:logging", "wasi:logging/logging", Some("0.1.0-draft")) => Need::Nothing,
        ("wasi:keyvalue" | "wasi:config" | "wasi:logging", ..) => Need::Unknown,
        _ => return None,
    })
}

fn component_need(path: &str) -> Need {
    match path {
        "wasi:filesystem/types" | "wasi:filesystem/preopens" => {
            Need::Grant(&[GrantKind::Dir, GrantKind::Volume])
        }
        "wasi:cli/environment" => Need::Refined(GrantKind::Env),
        "wasi:http/outgoing-handler" | "wasi:http/client" => Need::Grant(&[GrantKind::Http]),
        "wasi:sockets/tcp" | "wasi:sockets/tcp-create-socket" => {
            Need::Grant(&[GrantKind::TcpConnect, GrantKind::ListenTcp])
        }
        "wasi:sockets/udp" | "wasi:sockets/udp-create-socket" => Need::Grant(&[GrantKind::UdpConnect]),
        "wasi:sockets/types" => {
            Need::Grant(&[GrantKind::TcpConnect, GrantKind::ListenTcp, GrantKind::UdpConnect])
        }
        "wasi:sockets/ip-name-lookup" => {
            Need::Grant(&[GrantKind::Dns, GrantKind::TcpConnect, GrantKind::UdpConnect])
        }
        path if path.starts_with("wasi:clocks/") => Need::Refined(GrantKind::Clock),
        path => match path.split('/').next() {
            Some("wasi:io" | "wasi:cli" | "wasi:random" | "wasi:http" | "wasi:sockets") => Need::Nothing,
            _ => Need::Unknown,
        },
    }
}

/// A module imports functions one by one; what they are for shows in their names.
fn module_need(functions: &[String]) -> Need {
    if functions.iter().any(|function| function.starts_with("path_")) {
        Need::Grant(&[GrantKind::Dir, GrantKind::Volume])
    } else if functions.iter().any(|function| function.starts_with("clock_")) {
        Need::Refined(GrantKind::Clock)
    } else {
        Need::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, functions: &[&str], expected: Need) {
        let functions = functions.iter().map(|function| (*function).to_owned()).collect();
        assert_eq!(need(&Interface { name: name.to_owned(), functions }), expected);
    }

    #[test]
    fn each_interface_of_wasi_has_its_need_in_every_version() {
        check("wasi:filesystem/types@0.2.6", &[], Need::Grant(&[GrantKind::Dir, GrantKind::Volume]));
        check("wasi:filesystem/types@0.3.0", &[], Need::Grant(&[GrantKind::Dir, GrantKind::Volume]));
        check("wasi:http/outgoing-handler@0.2.0", &[], Need::Grant(&[GrantKind::Http]));
        check("wasi:http/types@0.2.0", &[], Need::Nothing);
        check("wasi:io/streams@0.2.3", &[], Need::Nothing);
        check("wasi:clocks/wall-clock@0.2.3", &[], Need::Refined(GrantKind::Clock));
        check("wasi_snapshot_preview1", &["fd_write", "proc_exit"], Need::Nothing);
        check(
            "wasi_snapshot_preview1",
            &["fd_write", "path_open"],
            Need::Grant(&[GrantKind::Dir, GrantKind::Volume]),
        );
    }

    #[test]
    fn drafts_are_known_in_the_version_that_is_there() {
        check("wasi:keyvalue/store@0.2.0-draft", &[], Need::Grant(&[GrantKind::Kv]));
        check("wasi:keyvalue/batch@0.2.0-draft", &[], Need::Grant(&[GrantKind::Kv]));
        check("wasi:keyvalue/store@0.2.0-draft2", &[], Need::Unknown);
        check("wasi:keyvalue/watcher@0.2.0-draft", &[], Need::Unknown);
        check("wasi:config/store@0.2.0-rc.1", &[], Need::Refined(GrantKind::Env));
        check("wasi:config/runtime@0.2.0-draft", &[], Need::Refined(GrantKind::Env));
        check("wasi:logging/logging@0.1.0-draft", &[], Need::Nothing);
    }

    #[test]
    fn what_nothing_provides_is_unknown() {
        check("env", &["launch"], Need::Unknown);
        check("acme:rockets/launch@1.0.0", &[], Need::Unknown);
        check("wasi:rockets/launch@0.2.0", &[], Need::Unknown);
        check("wasi:http/types@9.0.0", &[], Need::Unknown);
    }
}
