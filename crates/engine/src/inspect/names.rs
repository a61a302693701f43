//! WASI generations and entry points, from the names of imports and exports.

use super::scan::Found;
use super::{Entry, Kind, Wasi};

/// A component interface's name, taken apart: `wasi:http/types@0.2.6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceName<'a> {
    /// `wasi:http/types`
    pub path: &'a str,
    /// `0.2.6`
    pub version: Option<&'a str>,
}

impl<'a> InterfaceName<'a> {
    /// Splits `name` at its version.
    pub fn new(name: &'a str) -> InterfaceName<'a> {
        match name.split_once('@') {
            Some((path, version)) => InterfaceName { path, version: Some(version) },
            None => InterfaceName { path: name, version: None },
        }
    }

    /// The WASI generation that the interface belongs to.
    pub fn wasi(&self) -> Wasi {
        if self.version.is_none() && matches!(self.path, "wasi_snapshot_preview1" | "wasi_unstable") {
            return Wasi::P1;
        }
        if !self.path.starts_with("wasi:") {
            return Wasi::None;
        }
        match self.version.map(generation) {
            Some((0, 3)) => Wasi::P3,
            Some((0, 2)) => Wasi::P2,
            _ => Wasi::None,
        }
    }
}

/// The WASI generations in use, ascending, and the entry points, best first.
pub(super) fn classify(kind: Kind, found: &Found) -> (Vec<Wasi>, Vec<Entry>) {
    let names = found.imports.iter().chain(&found.exports).map(|interface| interface.name.as_str());
    let mut wasi: Vec<Wasi> =
        names.map(|name| InterfaceName::new(name).wasi()).filter(|&wasi| wasi != Wasi::None).collect();
    wasi.sort_unstable();
    wasi.dedup();
    let mut entries: Vec<Entry> =
        found.exports.iter().filter_map(|export| entry(kind, &export.name)).collect();
    entries.sort_unstable();
    entries.dedup();
    (wasi, entries)
}

fn entry(kind: Kind, export: &str) -> Option<Entry> {
    let name = InterfaceName::new(export);
    match (kind, name.path, name.wasi()) {
        (Kind::Module, "_start", _) => Some(Entry::Start),
        (Kind::Module, "_initialize", _) => Some(Entry::Initialize),
        (Kind::Component, "wasi:http/handler", Wasi::P3) => Some(Entry::HttpP3),
        (Kind::Component, "wasi:http/incoming-handler", Wasi::P2) => Some(Entry::HttpP2),
        (Kind::Component, "wasi:cli/run", Wasi::P3) => Some(Entry::CommandP3),
        (Kind::Component, "wasi:cli/run", Wasi::P2) => Some(Entry::CommandP2),
        _ => None,
    }
}

/// Major and minor of a version: `0.3.0-rc-2025-09-16` is (0, 3).
fn generation(version: &str) -> (u32, u32) {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(u32::MAX));
    (parts.next().unwrap_or(u32::MAX), parts.next().unwrap_or(u32::MAX))
}
