//! Loading compiled code. The one place of this crate that is `unsafe`.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::engine::Code;
use crate::errors::LoadError;
use crate::inspect::Kind;
use crate::seal::{Authenticated, FILE_BYTES_MAX};

/// Maps code whose seal was checked.
pub(crate) fn load(engine: &Engine, code: Authenticated) -> Result<Code, LoadError> {
    let Authenticated { file, kind, copy } = code;
    match kind {
        _ if copy => load_copy(engine, file, kind),
        Kind::Module => map_module(engine, file).map(Code::Module),
        Kind::Component => map_component(engine, &file).map(Code::Component),
    }
    .map_err(|error| LoadError::Incompatible(format!("{error:#}")))
}

#[allow(unsafe_code)] // Wasmtime cannot know where code comes from; the seal says it.
fn map_module(engine: &Engine, file: File) -> wasmtime::Result<Module> {
    // SAFETY: code must come out of Wasmtime's compiler unchanged, and the file must not change while it is mapped.
    // `Authenticated::open` has checked the first over every byte of this open file, here or in the process that
    // handed it over. The second is kept by the one writer there is, our cache, which never writes to a file that it has given
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

/// For a process that can open no file any more, nor ask for its size.
#[allow(unsafe_code)] // As above.
fn load_copy(engine: &Engine, mut file: File, kind: Kind) -> wasmtime::Result<Code> {
    file.rewind()?;
    let mut code = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut code)?;
    // SAFETY: as above; and nobody changes this copy.
    unsafe {
        match kind {
            Kind::Module => Module::deserialize(engine, &code).map(Code::Module),
            Kind::Component => Component::deserialize(engine, &code).map(Code::Component),
        }
    }
}
