//! Rust for `wasm32-wasip1` and `wasm32-wasip2`, with rustup's targets or without.
//!
//! A distribution's Rust has no WebAssembly target. Where it has the sources of the standard library, a linker and a
//! WASI libc, the target is built once into a sysroot of its own (see [`super::sysroot`]), and build lines stay as they
//! are: only `RUSTC` is set for them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::install::{self, Tool};
use super::machine::Machine;
use super::sysroot::{self, Ingredients};
use super::{Part, State, words};
use crate::child;
use crate::error::DevError;

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];
const WASI_LIBC: [&str; 2] = ["/usr/lib/wasm32-wasi", "/usr/share/wasi-sysroot/lib/wasm32-wasi"];

pub(super) fn check(machine: &Machine) -> Vec<Part> {
    let cargo = machine.find("cargo").and_then(|path| {
        let version = child::answer(Command::new(&path).arg("--version"))?;
        Some(State::Ready { version, path, note: None })
    });
    let here = cargo.is_some();
    let cargo = cargo.unwrap_or_else(|| State::Missing { install: install::command(Tool::Rust, machine) });
    let mut parts = vec![Part { what: "Rust", state: cargo }];
    if here {
        parts.push(Part { what: "Rust's target wasm32-wasip2", state: target(machine) });
    }
    parts
}

fn target(machine: &Machine) -> State {
    let rustc = compiler(machine);
    if let Some(rustc) = rustc.filter(|rustc| has_target(rustc, "wasm32-wasip2")) {
        let version = child::answer(Command::new(&rustc).arg("--version")).unwrap_or_default();
        return State::Ready { version, path: rustc, note: None };
    }
    match ingredients(machine) {
        Ok(found) => State::Ready {
            version: found.version.short_version_string.clone(),
            path: found.rustc.clone(),
            note: Some("its standard library is built from source, once".to_owned()),
        },
        Err(tool) => State::Missing { install: install::command(tool, machine) },
    }
}

/// `RUSTC`, when the line builds for a target that the compiler at hand does not have.
pub(super) fn environment(
    line: &str,
    machine: &Machine,
    say: &dyn Fn(&str),
) -> Result<Vec<(OsString, OsString)>, DevError> {
    let builds_rust = words(line).any(|word| matches!(word, "cargo" | "rustc"));
    let Some(target) = TARGETS.into_iter().find(|target| builds_rust && line.contains(target)) else {
        return Ok(Vec::new());
    };
    if compiler(machine).is_some_and(|rustc| has_target(&rustc, target)) {
        return Ok(Vec::new());
    }
    let found = ingredients(machine).map_err(|tool| DevError::Tool {
        what: format!("Rust for {target}"),
        why: format!("the target is not installed; install it with\n    {}", install::command(tool, machine)),
    })?;
    let rustc = sysroot::prepare(target, &found, &machine.cache, say)?;
    Ok(vec![(OsString::from("RUSTC"), rustc.into_os_string())])
}

/// The compiler that cargo would call.
fn compiler(machine: &Machine) -> Option<PathBuf> {
    std::env::var_os("RUSTC").map(PathBuf::from).or_else(|| machine.find("rustc"))
}

fn has_target(rustc: &Path, target: &str) -> bool {
    let folder = child::answer(Command::new(rustc).args(["--print", "target-libdir", "--target", target]));
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Everything that it takes to build the target here, or what to install for it.
fn ingredients(machine: &Machine) -> Result<Ingredients, Tool> {
    let lacking = if machine.find("rustup").is_some() { Tool::RustTarget } else { Tool::Rust };
    let (rustc, sources) = with_sources(machine).ok_or(lacking)?;
    let version = rustc_version::VersionMeta::for_command(Command::new(&rustc)).map_err(|_| lacking)?;
    let linkers =
        ["wasm-ld".to_owned()].into_iter().chain((14..=23).rev().map(|version| format!("wasm-ld-{version}")));
    let linker = linkers.filter_map(|name| machine.find(&name)).next().ok_or(lacking)?;
    let libc =
        WASI_LIBC.into_iter().map(PathBuf::from).find(|libc| libc.join("libc.a").is_file()).ok_or(lacking)?;
    let component_linker = component_linker(machine, &version.host).ok_or(Tool::ComponentLinker)?;
    Ok(Ingredients { rustc, sources, version, linker, component_linker, libc })
}

/// A compiler with the sources of its standard library.
fn with_sources(machine: &Machine) -> Option<(PathBuf, PathBuf)> {
    let on_path = machine
        .path
        .iter()
        .map(|folder| folder.join("rustc"))
        .filter(|path| super::machine::is_program(path));
    on_path.into_iter().find_map(|rustc| {
        let sources = sysroot_of(&rustc)?.join("lib/rustlib/src/rust/library");
        sources.join("std/Cargo.toml").is_file().then_some((rustc, sources))
    })
}

/// The linker that makes components comes with every Rust toolchain, but not with every package of one.
fn component_linker(machine: &Machine, host: &str) -> Option<PathBuf> {
    let beside = |rustc: &Path| {
        let linker = sysroot_of(rustc)?.join("lib/rustlib").join(host).join("bin/wasm-component-ld");
        linker.is_file().then_some(linker)
    };
    machine
        .find("wasm-component-ld")
        .or_else(|| machine.path.iter().find_map(|folder| beside(&folder.join("rustc"))))
}

fn sysroot_of(rustc: &Path) -> Option<PathBuf> {
    child::answer(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}
