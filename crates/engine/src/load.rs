//! Loading compiled code. The one place of this crate that is `unsafe`.

use std::fs::File;
use std::os::fd::AsRawFd;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::engine::Code;
use crate::errors::LoadError;
use crate::inspect::Kind;
use crate::seal::Authenticated;

/// Maps code whose seal was checked.
pub(crate) fn load(engine: &Engine, code: Authenticated) -> Result<Code, LoadError> {
    let Authenticated { file, kind } = code;
    match kind {
        Kind::Module => map_module(engine, file).map(Code::Module),
        Kind::Component => map_component(engine, &file).map(Code::Component),
    }
    .map_err(|error| LoadError::Incompatible(format!("{error:#}")))
}

#[allow(unsafe_code)] // Wasmtime cannot know where code comes from; the seal says it.
fn map_module(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: code must come out of Wasmtime's compiler unchanged, and the file must not change while it is mapped.
    // `Authenticated::open`, the only maker of `Authenticated`, has checked the first over every byte of this open
    // file. The second is kept by the one writer there is, our cache, which never writes to a file that it has given
    // its name; see `seal` for what another process of the same user could do.
    unsafe { Module::deserialize_open_file(engine, file) }
}

#[allow(unsafe_code)] // As above.
fn map_component(engine: &Engine, file: &File) -> wasmtime::Result<Component> {
    // Wasmtime takes an open file for modules only. This path leads to the very file that is open here, whatever
    // happens to its name.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: as above.
    unsafe { Component::deserialize_file(engine, path) }
}
