//! What guests can import.

use wasmtime::component;
use wasmtime_wasi::{p1, p2, p3};

use crate::guest::Guest;

/// Gives core modules `wasi_snapshot_preview1`, and `wasi_unstable` to old ones.
///
/// All functions that may wait are asynchronous: call guests with `call_async`.
///
/// # Errors
/// Only when the linker already has one of these functions.
pub fn link_p1(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    p1::add_to_linker_async(linker, Guest::p1)
}

/// Gives components the interfaces of WASI 0.2, `wasi:http` included: grants decide what an import can do, not
/// whether it exists.
///
/// # Errors
/// Only when the linker already has one of these interfaces.
pub fn link_p2(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// Gives components the interfaces of WASI 0.3. Together with [`link_p2`], as 0.3 components import both.
///
/// # Errors
/// Only when the linker already has one of these interfaces.
pub fn link_p3(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}
